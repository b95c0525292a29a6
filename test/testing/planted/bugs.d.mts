export interface Bug {
  readonly id: string
  readonly what: string
  readonly file: string
  readonly find: string
  readonly put: string
}
export const bugs: readonly Bug[]
