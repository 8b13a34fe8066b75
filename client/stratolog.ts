import { type ConsumerOptions, resolveOptions } from './consumer/consumer-options.ts'
import { newConsumer } from './consumer/new-consumer.ts'
import type { Consumer } from './consumer.ts'
import { type Transport, type TransportOptions, transport } from './transport.ts'

/** A service, and what talks to it. Nothing is connected before the first request. */
export class Stratolog {
  /** For calls that nothing else here makes. */
  readonly transport: Transport

  constructor(options: TransportOptions) {
    this.transport = transport(options)
  }

  /**
   * A consumer, which reads nothing before it runs.
   *
   * @throws StratologError INVALID_REQUEST when options contradict one another
   */
  consumer(options: ConsumerOptions = {}): Consumer {
    return newConsumer(this.transport, resolveOptions(options))
  }
}
