/** Before the tests of each file. */
import { useSeed } from './runs.js'

useSeed()
