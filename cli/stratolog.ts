#!/usr/bin/env node
import { main } from './main.ts'

// Standard output is flushed by now: writes to files, pipes and terminals are synchronous here. An input that goes on,
// or a socket kept open, is no reason to stay.
process.exit(await main(process.argv))
