/** What always holds of a state between ticks. Checked after every tick in tests; O(graph), so never in production. */

import { Bug } from './error.js'
import { Plan } from './plan.js'
import type { Queue } from './queue.js'
import { Bit, Edge, Fact, Flight, KIND_MASK, Kind, Mode, STATUS_MASK, type State, Status } from './state.js'
import { eachObject, type IntTable, PAGE_ROWS, pageOf, pagesEnd, read, rowsEnd } from './table.js'
import { isAboutBuild, LAST_REASON, reasonIn, subjectIn } from './why.js'

const broken = (why: string): never => {
  throw new Bug(why)
}

const lastRow = (table: IntTable): number => {
  let page = pagesEnd(table)
  while (page > 0 && pageOf(table, page - 1) === undefined) page--
  return page * PAGE_ROWS
}

/** @throws Bug naming the first row that is wrong. */
export const checkInvariants = (state: State): void => {
  const { facts, flight, edges } = state
  const status = (x: number): number => read(flight, x, Flight.STATUS) & STATUS_MASK
  const bit = (x: number, b: number): boolean => (read(flight, x, Flight.STATUS) & b) !== 0

  // Edges: each is in use once, and linked from both of its ends.
  const used = new Set<number>()
  const own = (e: number, owner: number): void => {
    if (!(e > 0 && e < state.edgesEnd)) broken(`edge ${e} of build ${owner} is out of range`)
    if (used.has(e)) broken(`edge ${e} is linked twice`)
    if (read(edges, e, Edge.DEPENDENT) !== owner) broken(`edge ${e} is not of build ${owner}`)
    used.add(e)
  }
  const rows = Math.max(lastRow(facts), lastRow(flight))
  const waiting = new Map<number, number>()
  for (let x = 1; x < rows; x++) {
    let hasKept = read(flight, x, Flight.KEPT) === 0
    for (let e = read(facts, x, Fact.DEP_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
      own(e, x)
      hasKept ||= e === read(flight, x, Flight.KEPT)
    }
    if (!hasKept) broken(`build ${x} keeps an edge that it does not have`)
    let tail = 0
    for (let e = read(flight, x, Flight.NEW_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
      own(e, x)
      tail = e
    }
    if (read(flight, x, Flight.NEW_TAIL) !== tail) broken(`build ${x} has a wrong last edge`)
  }
  let free = 0
  for (let e: number = state.freeEdge; e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
    if (used.has(e)) broken(`edge ${e} is free and in use`)
    free++
  }
  if (free + used.size !== state.edgesEnd - 1) broken(`${state.edgesEnd - 1 - free - used.size} edges are lost`)
  for (let x = 1; x < rows; x++) {
    let prev = 0
    let isNew = true
    for (let e = read(facts, x, Fact.DEPENDENT_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEPENDENT)) {
      if (!used.delete(e)) broken(`edge ${e} to build ${x} is not among anyone's dependencies`)
      if (read(edges, e, Edge.DEPENDENCY) !== x) broken(`edge ${e} does not lead to build ${x}`)
      isNew &&= read(edges, e, Edge.PREV_DEPENDENT) === 0
      if (!(isNew || read(edges, e, Edge.PREV_DEPENDENT) === prev)) broken(`edge ${e} is linked wrongly`)
      prev = e
    }
    prev = 0
    for (let e = read(flight, x, Flight.WAITER_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_WAITER)) {
      const mode = read(edges, e, Edge.MODE)
      if (!((mode & Mode.LISTED) !== 0 && read(edges, e, Edge.DEPENDENCY) === x))
        broken(`edge ${e} waits in the wrong list`)
      if (read(edges, e, Edge.PREV_WAITER) !== prev) broken(`edge ${e} waits in a broken list`)
      const waiter = read(edges, e, (mode & Mode.ASKED) !== 0 ? Edge.SEEN : Edge.DEPENDENT)
      waiting.set(waiter, (waiting.get(waiter) ?? 0) + 1)
      prev = e
    }
  }
  if (used.size !== 0) broken(`edge ${[...used][0]} is unknown to its dependency`)

  // Flight: counters, queues, and that whoever waits is counted right and can be woken.
  const count = new Map<number, number>()
  const room = new Map<number, number>()
  for (let x = 1; x < rows; x++) {
    const s = status(x)
    if (s === Status.REST) {
      for (let word = 0; word < flight.stride; word++)
        if (read(flight, x, word) !== 0) broken(`build ${x} rests untidily`)
      if (!((read(facts, x, Fact.FLAGS) & KIND_MASK) !== Kind.REQUEST)) broken(`request ${x} rests`)
      continue
    }
    count.set(s, (count.get(s) ?? 0) + 1)
    const waits = read(flight, x, Flight.WAITING)
    if (!(waits === (waiting.get(x) ?? 0))) broken(`build ${x} counts ${waits} waits, has ${waiting.get(x) ?? 0}`)
    const mayWait = s === Status.UNKNOWN || s === Status.WAITING || s === Status.BLOCKED || bit(x, Bit.ANEW)
    if (!(mayWait || waits === 0)) broken(`build ${x} waits in status ${s}`)
    if (!(s !== Status.WAITING || waits > 0)) broken(`build ${x} waits for nothing`)
    if (!(s !== Status.BLOCKED || waits > 0 || read(flight, x, Flight.BY) > 0))
      broken(`build ${x} is blocked on nothing`)
    if (!(s !== Status.WAITING || bit(x, Bit.WANTED))) broken(`build ${x} waits unwanted`)
    if (!(!bit(x, Bit.QUEUED) || isQueued(s) || s === Status.UNKNOWN)) broken(`build ${x} is in a queue in status ${s}`)
    if (bit(x, Bit.VOIDED)) broken(`build ${x} was not reviewed`)
    if (s === Status.RUNNING) {
      const pool = read(flight, x, Flight.POOL)
      room.set(pool, (room.get(pool) ?? 0) + 1)
    }
  }
  const total = [...count.values()].reduce((a, b) => a + b, 0)
  const is = (s: number): number => count.get(s) ?? 0
  if (state.inFlight !== total) broken(`${state.inFlight} counted in flight, ${total} found`)
  if (state.unknown !== is(Status.UNKNOWN)) broken(`${state.unknown} counted unknown, ${is(Status.UNKNOWN)} found`)
  if (state.scanning !== is(Status.SCAN)) broken(`${state.scanning} counted scanning, ${is(Status.SCAN)} found`)
  if (!(state.running === (room.get(0) ?? 0))) broken(`${state.running} counted running, ${room.get(0) ?? 0} found`)
  const queue = (q: Queue, s: number, name: string): void => {
    let n = 0
    let prev = 0
    for (let x: number = q.head; x !== 0; x = read(flight, x, Flight.NEXT)) {
      if (!(status(x) === s && bit(x, Bit.QUEUED))) broken(`build ${x} is in the ${name} queue in status ${status(x)}`)
      if (read(flight, x, Flight.PREV) !== prev) broken(`the ${name} queue is broken at build ${x}`)
      prev = x
      n++
    }
    if (!(n === q.size && q.tail === prev)) broken(`the ${name} queue counts ${q.size}, has ${n}`)
  }
  queue(state.expand, Status.UNKNOWN, 'expand')
  queue(state.scan, Status.SCAN, 'scan')
  queue(state.ready, Status.READY, 'ready')
  queue(state.start, Status.START, 'start')
  queue(state.answer, Status.ANSWER, 'answer')
  queue(state.park, Status.PARKED, 'park')
  state.pools.forEach((pool, i) => {
    queue(pool.queue, Status.START, `pool ${i}`)
    if (!(pool.running === (room.get(i + 1) ?? 0))) broken(`pool ${i} counts ${pool.running} running`)
    if (!(pool.running <= pool.size)) broken(`pool ${i} has ${pool.running} running, room for ${pool.size}`)
  })
  checkHolds(state, rows)
  checkWhys(state, rows)
  checkPlans(state, rows)
}

/** What is kept up for policies: whoever is in flight is charged to one lane, and queued in it as in the queue of its status. */
const checkPlans = (state: State, rows: number): void => {
  const { plans, flight, lanes } = state
  const found = new Map<number, { size: number; remaining: number; queued: number }>()
  for (let x = 1; x < Math.max(rows, rowsEnd(plans)); x++) {
    const status = read(flight, x, Flight.STATUS)
    if ((status & STATUS_MASK) === Status.REST)
      for (let word = 0; word < plans.stride; word++) if (read(plans, x, word) !== 0) broken(`build ${x} rests planned`)
    const request = read(plans, x, Plan.LANE)
    if (request === 0) continue
    const isOpen = (status & STATUS_MASK) === Status.READY || (status & STATUS_MASK) === Status.START
    const isQueued = read(plans, x, Plan.QUEUE) !== 0
    if (!(isQueued === (isOpen && (status & Bit.QUEUED) !== 0))) broken(`build ${x} is queued otherwise than planned`)
    const lane = found.get(request) ?? { size: 0, remaining: 0, queued: 0 }
    lane.size++
    lane.remaining += Math.max(0, read(plans, x, Plan.CHARGE))
    lane.queued += isQueued ? 1 : 0
    found.set(request, lane)
  }
  if (found.size !== lanes.size) broken(`${lanes.size} lanes, ${found.size} found`)
  eachObject(lanes, (request, lane) => {
    const is = found.get(request)
    const queued = lane.queues.reduce((sum, { size }) => sum + size, 0)
    const says = `${lane.size} ${lane.remaining} ${queued}`
    if (!(says === `${is?.size} ${is?.remaining} ${is?.queued}`))
      broken(`lane ${request} has ${says}, not ${JSON.stringify(is)}`)
    lane.queues.forEach((queue, number) => {
      let prev = 0
      for (let x: number = queue.head; x !== 0; x = read(plans, x, Plan.NEXT)) {
        const isOwn = read(plans, x, Plan.LANE) === request && read(plans, x, Plan.QUEUE) === number + 1
        if (!(isOwn && read(plans, x, Plan.PREV) === prev)) broken(`lane ${request} is broken at build ${x}`)
        prev = x
      }
      if (queue.tail !== prev) broken(`lane ${request} has a wrong end`)
    })
  })
}

/** Who is held: what live requests follow, and all that it stands on; each as often as something held stands on it. */
const checkHolds = (state: State, rows: number): void => {
  const { facts, edges } = state
  const kind = (x: number): number => read(facts, x, Fact.FLAGS) & KIND_MASK
  const held = new Map<number, number>()
  const stack: number[] = []
  const holdAll = (x: number): void => {
    for (let e = read(facts, x, Fact.DEP_HEAD); e !== 0; e = read(edges, e, Edge.NEXT_DEP)) {
      const d = read(edges, e, Edge.DEPENDENCY)
      if (kind(d) !== Kind.VALUE) continue
      held.set(d, (held.get(d) ?? 0) + 1)
      if (held.get(d) === 1) stack.push(d)
    }
  }
  for (let x = 1; x < rows; x++) if (kind(x) === Kind.LIVE) holdAll(x)
  while (stack.length > 0) holdAll(stack.pop() as number)
  for (let x = 1; x < rows; x++) {
    if (kind(x) !== Kind.VALUE) continue
    const count = read(facts, x, Fact.HOLD)
    if (!(count === (held.get(x) ?? 0))) broken(`build ${x} counts ${count} holds, has ${held.get(x) ?? 0}`)
  }
}

/** What was made says why, of nobody who is forgotten; what is no build says nothing. */
const checkWhys = ({ facts }: State, rows: number): void => {
  const isBuild = (x: number): boolean => {
    const flags = read(facts, x, Fact.FLAGS)
    return flags !== 0 && (flags & KIND_MASK) !== Kind.REQUEST && (flags & KIND_MASK) !== Kind.LIVE
  }
  for (let x = 1; x < rows; x++) {
    const word = read(facts, x, Fact.WHY)
    if (!(word === 0 || isBuild(x))) broken(`build ${x} is none and says why it was made`)
    const reason = reasonIn(word)
    if (!(reason <= LAST_REASON)) broken(`build ${x} was made for no known reason`)
    if (!isAboutBuild(reason)) continue
    const d = subjectIn(word)
    if (!(d === 0 || (d < rows && isBuild(d)))) broken(`build ${x} was made for build ${d}, which is forgotten`)
  }
}

const isQueued = (s: number): boolean =>
  s === Status.SCAN || s === Status.READY || s === Status.START || s === Status.ANSWER || s === Status.PARKED
