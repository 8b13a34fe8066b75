import { anomaly, type Check, isKept, mustBeThere, readBy } from './checker-view.ts'

export const vanishedRead: Check = (view) =>
  view.polls.flatMap(({ values }) =>
    values.flatMap(([offset, value]) => {
      if (!isKept(offset, view) || view.final.get(offset) === value) return []
      const text = `${value} was read at ${offset}, where ${view.final.get(offset)} is`
      return [anomaly('vanished-read', view, text)]
    }),
  )

export const finalLost: Check = (view) => {
  const read = readBy(view.polls.filter(({ type }) => type === 'ok'))
  return view.sends.flatMap((send) => {
    if (send.acks !== -1 || !mustBeThere(send, read)) return []
    return send.values.flatMap(([offset, value]) => {
      // Of what was lost, the client may have sent the rest again.
      const mayBeLost = offset === null ? view.lostFrom < Number.MAX_SAFE_INTEGER : offset >= view.lostFrom
      if (mayBeLost) return []
      const at = view.finalOffsets.get(value)
      if (at === undefined)
        return [anomaly('final-lost', view, `${value} was acknowledged at ${offset}, and is lost`)]
      return offset === null || at.includes(offset)
        ? []
        : [anomaly('ack-offset-mismatch', view, `${value} was acknowledged at ${offset}, and is at ${at}`)]
    })
  })
}

/** What acks=1 was told stands, unless an election truncated it since: no epoch ended, nothing is lost. */
export const weakLost: Check = (view) =>
  view.sends.flatMap(({ type, acks, values, invokedAt }) => {
    const { truncations } = view
    if (type !== 'ok' || acks !== 1 || truncations === undefined) return []
    return values.flatMap(([offset, value]) => {
      if (offset === null || view.final.get(offset) === value) return []
      const isTruncated = truncations.some(({ toOffset, at }) => toOffset <= offset && at >= invokedAt)
      return isTruncated
        ? []
        : [anomaly('weak-lost', view, `${value} is not at ${offset}, and no election took it`)]
    })
  })

export const finalPhantom: Check = (view) =>
  [...view.final].flatMap(([offset, value]) =>
    view.writer.has(value) ? [] : [anomaly('final-phantom', view, `${value} at ${offset} was never sent`)],
  )

export const finalAborted: Check = (view) =>
  [...view.final].flatMap(([offset, value]) =>
    view.writer.get(value)?.type === 'fail'
      ? [anomaly('final-aborted', view, `${value} at ${offset} had no effect, it was said`)]
      : [],
  )

export const finalDuplicate: Check = (view) =>
  [...view.finalOffsets].flatMap(([value, offsets]) =>
    offsets.length > 1 ? [anomaly('final-duplicate', view, `${value} is at ${offsets.join(' and ')}`)] : [],
  )

export const finalOrder: Check = (view) => {
  const offsets = [...view.final.keys()]
  return offsets.flatMap((offset, position) =>
    offset < (offsets[position - 1] ?? 0)
      ? [anomaly('final-order', view, `${offset} comes after ${offsets[position - 1]}`)]
      : [],
  )
}

export const offsetGap: Check = (view) => {
  const offsets = [...view.final.keys()].sort((a, b) => a - b)
  return offsets.flatMap((offset, position) =>
    offset === position ? [] : [anomaly('offset-gap', view, `offset ${offset} is the ${position}th`)],
  )
}

/** Some records of a batch without the others. */
export const torn: Check = (view) =>
  view.sends.flatMap(({ values }) => {
    const there = values.filter(([, value]) => view.finalOffsets.has(value)).length
    return there === 0 || there === values.length || view.lostFrom < Number.MAX_SAFE_INTEGER
      ? []
      : [anomaly('torn', view, `${there} of ${values.length} records from ${values[0]?.[1]} on`)]
  })
