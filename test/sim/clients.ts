import type { Company } from './company.ts'
import { runConsumer } from './consumer.ts'
import { runProducer } from './producer.ts'

/** Runs all producers and consumers until `isOver`; resolves when each client's last operation has ended. */
export async function runClients(company: Company, isOver: () => boolean): Promise<void> {
  const { producers, consumers } = company.cluster.configuration
  await Promise.all([
    ...Array.from({ length: producers }, () => runProducer(company, isOver)),
    ...Array.from({ length: consumers }, () => runConsumer(company, isOver)),
  ])
}
