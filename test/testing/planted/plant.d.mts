import type { Found } from '../../../src/testing/hunt.js'
import type { Bug } from './bugs.mjs'

export const misfit: (bug: Bug) => string | undefined
export const huntFor: (bug: Bug) => Promise<Found | undefined>
