/** What a process died of: Node shows the line of code first, then the error. */
export function errorLine(complaint: string): string {
  return complaint.split('\n').find((line) => /^\[?\w*Error\b/.test(line)) ?? complaint
}
