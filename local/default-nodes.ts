import { storedNodes } from '../shared/embedded/data-directory.ts'

/** The fewest with which acks=all goes on while one is gone. */
const NODES_OF_A_NEW_SERVICE = 3

/** Storage nodes when nobody says how many: as many as the data directory has, 3 for a new one or in memory. */
export function defaultNodes(dataDirectory: string | undefined): number {
  return (dataDirectory !== undefined && storedNodes(dataDirectory)) || NODES_OF_A_NEW_SERVICE
}
