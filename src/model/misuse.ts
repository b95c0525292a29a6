/** A call that makes no sense: says what was wrong with it, and what to do instead. Nothing has happened. */
export class Misuse extends Error {
  override readonly name = 'Misuse'
}

/** What was thrown, in words. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Why a module cannot be loaded by the Node of version `node`; `instead`: what is to be written where that runs no TypeScript. */
export const loadFaultOf = (error: unknown, node: string, instead: string): string => {
  const { code, message = String(error) } = (error ?? {}) as { readonly code?: string; readonly message?: string }
  return code === 'ERR_UNKNOWN_FILE_EXTENSION'
    ? `Node ${node} runs no TypeScript: use 22.18 or newer, or write ${instead}`
    : message
}
