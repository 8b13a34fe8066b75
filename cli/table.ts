/** Rows under a heading, columns padded to their widest cell; every line ends with a newline. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows]
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines.map((line) => `${padded(line, widths).trimEnd()}\n`).join('')
}

function padded(line: readonly string[], widths: readonly number[]): string {
  return line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
}

/** One line of `Name: value`, separated by tabs, as kafka-topics prints. */
export function namedValues(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}: ${value}`)
    .join('\t')
}
