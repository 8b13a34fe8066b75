import { controllerFunction } from '../controller.ts'
import { lambdaDeps } from '../lambda-deps.ts'
import { taskHandler } from '../task-lambda.ts'

/** The Lambda of the controller. Its first tick makes the cluster of a new deployment. */
export const handler = taskHandler(controllerFunction, lambdaDeps('make'))
