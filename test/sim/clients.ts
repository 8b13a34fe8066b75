import type { Company } from './company.ts'
import { runConsumer } from './consumer.ts'
import { runProducer } from './producer.ts'

/**
 * Runs all producers and consumers until `isOver`; resolves when each client's last operation has ended, with what lets all
 * producers go on at once: it answers how many of them nothing comes through of.
 */
export async function runClients(company: Company, isOver: () => boolean): Promise<() => Promise<number>> {
  const { producers, consumers } = company.cluster.configuration
  const [goOn] = await Promise.all([
    Promise.all(Array.from({ length: producers }, () => runProducer(company, isOver))),
    ...Array.from({ length: consumers }, () => runConsumer(company, isOver)),
  ])
  return async () => {
    const through = await Promise.all(goOn.map((send) => send()))
    return through.filter((isThrough) => !isThrough).length
  }
}
