import { App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { readSettings } from './settings.ts'
import { StratologStack } from './stratolog-stack.ts'

const app = new App()
const settings = readSettings((name) => app.node.tryGetContext(name), process.env.AWS_ENDPOINT_URL)
new StratologStack(app, 'Stratolog', {
  settings,
  description: 'Stratolog: a serverless, Kafka-style log service',
})
Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }))
