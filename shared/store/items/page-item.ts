import * as z from 'zod'
import type { IndexPage } from '../../core/index-page.ts'
import type { Item } from '../../core/update-plan.ts'

const pageItem = z.object({ t: z.record(z.string(), z.int().min(0)), n: z.int().min(0) })

/** The item of an index page; its letters are those of the head that its entries come from. */
export function encodePage(page: IndexPage): Item {
  return { t: page.entries, n: page.endOffset }
}

/** The index page of an item read back. */
export function decodePage(stored: Item): IndexPage {
  const item = pageItem.parse(stored)
  return { entries: item.t, endOffset: item.n }
}
