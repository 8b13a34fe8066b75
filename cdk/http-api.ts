import { Duration } from 'aws-cdk-lib'
import {
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  type IHttpRouteAuthorizer,
} from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import type { Construct } from 'constructs'
import { ROUTES } from '../functions/routes.ts'
import { HTTP_GROUPS, type Lambdas } from './functions.ts'
import type { HttpGroup } from './grants.ts'
import type { Settings } from './settings.ts'

/** The most that CDK lets an HTTP API wait for a Lambda. */
const GATEWAY_TIMEOUT = Duration.seconds(29)

/** The front door: each route of routes.ts goes to its group, all else to the rest function, which answers 404 and 405. */
export function httpApi(scope: Construct, settings: Settings, lambdas: Lambdas): HttpApi {
  const api = new HttpApi(scope, 'Api', { description: 'Stratolog', createDefaultStage: false })
  const { requestsPerSecond: rateLimit, burstRequests: burstLimit } = settings
  new HttpStage(scope, 'Stage', { httpApi: api, autoDeploy: true, throttle: { rateLimit, burstLimit } })
  const authorizer = authorizerOf(settings)
  const integrations = integrationsOf(lambdas)
  for (const route of ROUTES) {
    const { path, method } = route
    const integration = integrations[route.function]
    api.addRoutes({ path, methods: [HttpMethod[method]], integration, authorizer })
  }
  const routeKey = HttpRouteKey.DEFAULT
  new HttpRoute(scope, 'CatchAll', { httpApi: api, routeKey, integration: integrations.rest, authorizer })
  return api
}

function authorizerOf({ auth }: Settings): IHttpRouteAuthorizer {
  return auth === 'iam' ? new HttpIamAuthorizer() : new HttpNoneAuthorizer()
}

/** One per Lambda that answers requests. The permission is for the whole API: one for each route would fill the Lambda's policy. */
function integrationsOf(lambdas: Lambdas): { readonly [group in HttpGroup]: HttpLambdaIntegration } {
  const made = HTTP_GROUPS.map((group) => {
    const options = { timeout: GATEWAY_TIMEOUT, scopePermissionToRoute: false }
    return [group, new HttpLambdaIntegration(`${group}Integration`, lambdas[group], options)] as const
  })
  return Object.fromEntries(made) as { [group in HttpGroup]: HttpLambdaIntegration }
}
