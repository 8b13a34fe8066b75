import type * as z from 'zod'
import type { DescribeClusterResponse, describeClusterRequest } from '../shared/protocol/api/cluster.ts'
import type {
  AlterConfigsResponse,
  alterConfigsRequest,
  DescribeConfigsResponse,
  describeConfigsRequest,
} from '../shared/protocol/api/configs.ts'
import type { ElectLeadersResponse, electLeadersRequest } from '../shared/protocol/api/elect-leaders.ts'
import type { FetchResponse, fetchRequest } from '../shared/protocol/api/fetch.ts'
import type {
  OffsetCommitResponse,
  OffsetDeleteResponse,
  OffsetFetchResponse,
  offsetCommitRequest,
  offsetDeleteRequest,
  offsetFetchRequest,
} from '../shared/protocol/api/group-offsets.ts'
import type {
  DeleteGroupsResponse,
  DescribeGroupsResponse,
  deleteGroupsRequest,
  describeGroupsRequest,
  HeartbeatResponse,
  heartbeatRequest,
  JoinGroupResponse,
  joinGroupRequest,
  LeaveGroupResponse,
  ListGroupsResponse,
  leaveGroupRequest,
  listGroupsRequest,
  SyncGroupResponse,
  syncGroupRequest,
} from '../shared/protocol/api/groups.ts'
import type { ListOffsetsResponse, listOffsetsRequest } from '../shared/protocol/api/list-offsets.ts'
import type { MetadataResponse, metadataRequest } from '../shared/protocol/api/metadata.ts'
import type {
  OffsetForLeaderEpochResponse,
  offsetForLeaderEpochRequest,
} from '../shared/protocol/api/offset-for-leader-epoch.ts'
import type { ProduceResponse, produceFrame, produceRequest } from '../shared/protocol/api/produce.ts'
import type {
  CreatePartitionsResponse,
  CreateTopicsResponse,
  createPartitionsRequest,
  createTopicsRequest,
  DeleteTopicsResponse,
  deleteTopicsRequest,
} from '../shared/protocol/api/topics.ts'

/** The native APIs, `POST /v1/<name>`: what each takes as JSON and answers. Types only: no schema is bundled. */
export interface Apis {
  produce: { request: z.input<typeof produceRequest>; response: ProduceResponse }
  fetch: { request: z.input<typeof fetchRequest>; response: FetchResponse }
  'list-offsets': { request: z.input<typeof listOffsetsRequest>; response: ListOffsetsResponse }
  'offset-for-leader-epoch': {
    request: z.input<typeof offsetForLeaderEpochRequest>
    response: OffsetForLeaderEpochResponse
  }
  metadata: { request: z.input<typeof metadataRequest>; response: MetadataResponse }
  'create-topics': { request: z.input<typeof createTopicsRequest>; response: CreateTopicsResponse }
  'delete-topics': { request: z.input<typeof deleteTopicsRequest>; response: DeleteTopicsResponse }
  'create-partitions': {
    request: z.input<typeof createPartitionsRequest>
    response: CreatePartitionsResponse
  }
  'describe-configs': { request: z.input<typeof describeConfigsRequest>; response: DescribeConfigsResponse }
  'elect-leaders': { request: z.input<typeof electLeadersRequest>; response: ElectLeadersResponse }
  'alter-configs': { request: z.input<typeof alterConfigsRequest>; response: AlterConfigsResponse }
  'describe-cluster': { request: z.input<typeof describeClusterRequest>; response: DescribeClusterResponse }
  'join-group': { request: z.input<typeof joinGroupRequest>; response: JoinGroupResponse }
  'sync-group': { request: z.input<typeof syncGroupRequest>; response: SyncGroupResponse }
  heartbeat: { request: z.input<typeof heartbeatRequest>; response: HeartbeatResponse }
  'leave-group': { request: z.input<typeof leaveGroupRequest>; response: LeaveGroupResponse }
  'offset-commit': { request: z.input<typeof offsetCommitRequest>; response: OffsetCommitResponse }
  'offset-fetch': { request: z.input<typeof offsetFetchRequest>; response: OffsetFetchResponse }
  'offset-delete': { request: z.input<typeof offsetDeleteRequest>; response: OffsetDeleteResponse }
  'list-groups': { request: z.input<typeof listGroupsRequest>; response: ListGroupsResponse }
  'describe-groups': { request: z.input<typeof describeGroupsRequest>; response: DescribeGroupsResponse }
  'delete-groups': { request: z.input<typeof deleteGroupsRequest>; response: DeleteGroupsResponse }
}

/** Name of a native API. */
export type ApiName = keyof Apis

/** Header of a produce frame. */
export type ProduceFrameHeader = z.input<typeof produceFrame>

/** Whether a request may be repeated although its effect is unknown: it changes nothing. */
export const IS_READ: Readonly<Record<ApiName, boolean>> = {
  produce: false,
  fetch: true,
  'list-offsets': true,
  'offset-for-leader-epoch': true,
  metadata: true,
  'create-topics': false,
  'delete-topics': false,
  'create-partitions': false,
  'describe-configs': true,
  'elect-leaders': false,
  'alter-configs': false,
  'describe-cluster': true,
  // What these do twice is what they do once: a member is known by its id, an offset by its partition.
  'join-group': true,
  'sync-group': true,
  heartbeat: true,
  'leave-group': true,
  'offset-commit': true,
  'offset-fetch': true,
  'offset-delete': true,
  'list-groups': true,
  'describe-groups': true,
  'delete-groups': true,
}
