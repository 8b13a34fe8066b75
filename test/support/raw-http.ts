import { connect, type Socket } from 'node:net'

/** An answer as it came over a socket. */
export interface RawAnswer {
  readonly status: number
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** A connection that a test writes bytes to and reads answers from. */
export interface RawConnection {
  readonly socket: Socket
  /** The next answer; rejects when the connection ends before it does. */
  answer(options?: { readonly hasBody: boolean }): Promise<RawAnswer>
  /** Resolves when the other side has closed. */
  closed(): Promise<void>
}

/** Opens a connection to a local port. */
export function openRaw(port: number): RawConnection {
  const socket = connect(port, '127.0.0.1')
  let received = Buffer.alloc(0)
  let ended = false
  let wake = () => {}
  const changed = () => wake()
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    changed()
  })
  socket.on('error', changed)
  socket.on('close', () => {
    ended = true
    changed()
  })
  const more = async () => {
    if (ended) throw new Error(`connection closed after ${JSON.stringify(received.toString('latin1'))}`)
    await new Promise<void>((resolve) => {
      wake = resolve
    })
  }
  return {
    socket,
    answer: async ({ hasBody } = { hasBody: true }) => {
      let headEnd = received.indexOf('\r\n\r\n')
      for (; headEnd < 0; headEnd = received.indexOf('\r\n\r\n')) await more()
      const { status, headers } = parseHead(received.subarray(0, headEnd).toString('latin1'))
      const bodyStart = headEnd + 4
      const bodyEnd = bodyStart + (hasBody ? Number(headers['content-length'] ?? 0) : 0)
      while (received.length < bodyEnd) await more()
      const body = received.subarray(bodyStart, bodyEnd)
      received = received.subarray(bodyEnd)
      return { status, headers, body }
    },
    closed: async () => {
      while (!ended) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
  }
}

function parseHead(head: string): Pick<RawAnswer, 'status' | 'headers'> {
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(statusLine.split(' ')[1]), headers: Object.fromEntries(headers) }
}

/** Sends the bytes of one request on a connection of its own and reads the answer. */
export async function sendRaw(port: number, bytes: string | Uint8Array): Promise<RawAnswer> {
  const connection = openRaw(port)
  connection.socket.write(bytes)
  try {
    return await connection.answer()
  } finally {
    connection.socket.destroy()
  }
}
