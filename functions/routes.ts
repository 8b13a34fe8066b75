/** A Lambda function of a deployment: several APIs share one, so that it stays warm. */
export type FunctionGroup =
  | 'produce'
  | 'fetch'
  | 'group'
  | 'txn'
  | 'admin'
  | 'rest'
  | 'controller'
  | 'background'

/** What a caller must be allowed, in Kafka's words (`AclOperation` on the resource named); `none` needs no rule. */
export type Access =
  | 'none'
  | 'topic:Read'
  | 'topic:Write'
  | 'topic:Describe'
  | 'topic:Create'
  | 'topic:Delete'
  | 'topic:Alter'
  | 'topic:DescribeConfigs'
  | 'topic:AlterConfigs'
  | 'group:Read'
  | 'group:Describe'
  | 'group:Delete'
  | 'cluster:Describe'
  | 'cluster:Alter'

/** One row of the table. A `{name}` in `path` stands for one segment. */
export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Names the handler in handlers.ts and, in kebab-case, its file. */
  readonly api: string
  readonly function: FunctionGroup
  readonly access: Access
}

/** Every route there is: data only, since the deployment reads it too. HEAD comes with each GET. */
export const ROUTES = [
  { method: 'POST', path: '/v1/produce', api: 'produce', function: 'produce', access: 'topic:Write' },
  { method: 'POST', path: '/v1/fetch', api: 'fetch', function: 'fetch', access: 'topic:Read' },
  {
    method: 'POST',
    path: '/v1/list-offsets',
    api: 'listOffsets',
    function: 'fetch',
    access: 'topic:Describe',
  },
  {
    method: 'POST',
    path: '/v1/offset-for-leader-epoch',
    api: 'offsetForLeaderEpoch',
    function: 'fetch',
    access: 'topic:Describe',
  },
  { method: 'POST', path: '/v1/metadata', api: 'metadata', function: 'admin', access: 'topic:Describe' },
  {
    method: 'POST',
    path: '/v1/create-topics',
    api: 'createTopics',
    function: 'admin',
    access: 'topic:Create',
  },
  {
    method: 'POST',
    path: '/v1/delete-topics',
    api: 'deleteTopics',
    function: 'admin',
    access: 'topic:Delete',
  },
  {
    method: 'POST',
    path: '/v1/create-partitions',
    api: 'createPartitions',
    function: 'admin',
    access: 'topic:Alter',
  },
  {
    method: 'POST',
    path: '/v1/describe-configs',
    api: 'describeConfigs',
    function: 'admin',
    access: 'topic:DescribeConfigs',
  },
  {
    method: 'POST',
    path: '/v1/alter-configs',
    api: 'alterConfigs',
    function: 'admin',
    access: 'topic:AlterConfigs',
  },
  {
    method: 'POST',
    path: '/v1/describe-cluster',
    api: 'describeCluster',
    function: 'admin',
    access: 'cluster:Describe',
  },
  {
    method: 'POST',
    path: '/v1/elect-leaders',
    api: 'electLeaders',
    function: 'admin',
    access: 'cluster:Alter',
  },
  { method: 'POST', path: '/v1/join-group', api: 'joinGroup', function: 'group', access: 'group:Read' },
  { method: 'POST', path: '/v1/sync-group', api: 'syncGroup', function: 'group', access: 'group:Read' },
  { method: 'POST', path: '/v1/heartbeat', api: 'heartbeat', function: 'group', access: 'group:Read' },
  { method: 'POST', path: '/v1/leave-group', api: 'leaveGroup', function: 'group', access: 'group:Read' },
  { method: 'POST', path: '/v1/offset-commit', api: 'offsetCommit', function: 'group', access: 'group:Read' },
  {
    method: 'POST',
    path: '/v1/offset-fetch',
    api: 'offsetFetch',
    function: 'group',
    access: 'group:Describe',
  },
  {
    method: 'POST',
    path: '/v1/offset-delete',
    api: 'offsetDelete',
    function: 'group',
    access: 'group:Delete',
  },
  { method: 'POST', path: '/v1/list-groups', api: 'listGroups', function: 'group', access: 'group:Describe' },
  {
    method: 'POST',
    path: '/v1/describe-groups',
    api: 'describeGroups',
    function: 'group',
    access: 'group:Describe',
  },
  {
    method: 'POST',
    path: '/v1/delete-groups',
    api: 'deleteGroups',
    function: 'group',
    access: 'group:Delete',
  },
  { method: 'GET', path: '/', api: 'restRoot', function: 'rest', access: 'none' },
  { method: 'GET', path: '/healthz', api: 'restHealth', function: 'rest', access: 'none' },
  { method: 'GET', path: '/brokers', api: 'restBrokers', function: 'rest', access: 'cluster:Describe' },
  { method: 'GET', path: '/topics', api: 'restTopics', function: 'rest', access: 'topic:Describe' },
  { method: 'GET', path: '/topics/{topic}', api: 'restTopic', function: 'rest', access: 'topic:Describe' },
  { method: 'POST', path: '/topics/{topic}', api: 'restProduce', function: 'rest', access: 'topic:Write' },
  {
    method: 'GET',
    path: '/topics/{topic}/partitions',
    api: 'restPartitions',
    function: 'rest',
    access: 'topic:Describe',
  },
  {
    method: 'GET',
    path: '/topics/{topic}/partitions/{partition}',
    api: 'restPartition',
    function: 'rest',
    access: 'topic:Describe',
  },
  {
    method: 'POST',
    path: '/topics/{topic}/partitions/{partition}',
    api: 'restProduce',
    function: 'rest',
    access: 'topic:Write',
  },
  {
    method: 'GET',
    path: '/topics/{topic}/partitions/{partition}/offsets',
    api: 'restOffsets',
    function: 'rest',
    access: 'topic:Describe',
  },
  {
    method: 'GET',
    path: '/topics/{topic}/partitions/{partition}/records',
    api: 'restRecords',
    function: 'rest',
    access: 'topic:Read',
  },
] as const satisfies readonly Route[]

/** The name of a handler that some route needs. */
export type ApiName = (typeof ROUTES)[number]['api']
