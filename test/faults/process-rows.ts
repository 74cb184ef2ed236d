// Rows in which an alarm comes and Node-RED is then stopped, killed or deployed to: checks what the flow
// receives before and after.

import type { ClipInfo } from '../../lib/nvr/recorder/types.js';
import { ACCOUNT, startManualNvr, type ManualNvr } from '../kit/manual-nvr.js';
import { RedProcess, type Heard } from './red-process.js';
import { wait } from './row.js';

export interface ProcessRow {
  readonly name: string;
  /** The camera is unreachable when the alarm comes, and returns later. */
  readonly isAway?: boolean;
  /** ms after the alarm. */
  readonly afterMs: number;
  strike(red: RedProcess): Promise<void>;
}

export interface ProcessOutcome {
  readonly row: ProcessRow;
  readonly seen: string;
  readonly problems: readonly string[];
}

const MARK = 'the alarm';
const HEARD_MS = 45_000;
const BACKFILL_MS = 75_000;
const LEAST_MS = 2000;

async function again(red: RedProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  await red.end(signal);
  await red.begin();
}

/** Only changes the name of the node. */
function deploy(red: RedProcess, kind: 'full' | 'nodes' | 'flows'): Promise<void> {
  return red.deploy(kind, (node) => {
    if (node.id === 'node') node.name = `after ${kind}`;
  });
}

const KINDS = ['full', 'nodes', 'flows'] as const;

const PROCESS_ROWS: readonly ProcessRow[] = [
  { name: 'SIGTERM', afterMs: 1500, strike: (red) => again(red, 'SIGTERM') },
  { name: 'SIGKILL', afterMs: 1500, strike: (red) => again(red, 'SIGKILL') },
  { name: 'SIGKILL at once', afterMs: 50, strike: (red) => again(red, 'SIGKILL') },
  ...KINDS.map((kind) => ({
    name: `deploy ${kind}`,
    afterMs: 1500,
    strike: (red: RedProcess) => deploy(red, kind),
  })),
  ...KINDS.map((kind) => ({
    name: `deploy ${kind} while the camera is away`,
    isAway: true,
    afterMs: 1500,
    strike: (red: RedProcess) => deploy(red, kind),
  })),
];

/** Number of Node-RED processes at a time. */
const AT_ONCE = 3;

/** Runs the rows whose name matches. */
export async function playProcessRows(
  fits: (name: string) => boolean,
  tell: (outcome: ProcessOutcome) => void = () => undefined,
): Promise<ProcessOutcome[]> {
  const left = PROCESS_ROWS.filter(({ name }) => fits(`process: ${name}`));
  const outcomes: ProcessOutcome[] = [];
  const worker = async (): Promise<void> => {
    for (let row = left.shift(); row !== undefined; row = left.shift()) {
      const outcome = await playProcessRow(row);
      tell(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return outcomes;
}

export function processLineOf({ row, seen, problems }: ProcessOutcome): string {
  const mark = problems.length === 0 ? 'ok  ' : 'FAIL';
  return [`${mark} process: ${row.name.padEnd(48)} ${seen}`, ...problems].join('\n       ');
}

async function playProcessRow(row: ProcessRow): Promise<ProcessOutcome> {
  const nvr = await startManualNvr();
  const red = await RedProcess.start(flow(nvr), ['out', 'event', 'catch', 'complete'], { nvr: ACCOUNT });
  try {
    return { row, ...(await judge(row, red, nvr)) };
  } finally {
    await red.close();
    await nvr.kill();
  }
}

async function judge(row: ProcessRow, red: RedProcess, nvr: ManualNvr): Promise<Omit<ProcessOutcome, 'row'>> {
  const problems: string[] = [];
  const isPlaying = ({ from, message }: Heard): boolean => from === 'event' && message.payload === 'playing';
  if ((await red.first(HEARD_MS, isPlaying)) === undefined)
    return { seen: 'nothing', problems: ['never played'] };
  await wait(2500);
  if (row.isAway === true) {
    await nvr.kill();
    await red.first(HEARD_MS, ({ message }) => message.payload === 'reconnecting');
    // Wait until the previous clip has ended.
    await wait(3000);
  }
  const sent = realTime();
  await red.send({ payload: 'motion', reason: 'motion', mark: MARK });
  // A busy Node-RED takes the message some time after it was sent.
  const taken = realTime();
  await wait(row.afterMs);
  await row.strike(red);
  if (row.isAway === true) {
    await wait(1500);
    await nvr.back();
  }
  const isClip = ({ from, message }: Heard): boolean => from === 'out' && message.mark === MARK;
  const isCaught = ({ from, message }: Heard): boolean => from === 'catch' && message.mark === MARK;
  const outcome = await red.first(HEARD_MS, (heard) => isClip(heard) || isCaught(heard));
  const clipOf = ({ message }: Heard): ClipInfo => message.clip as ClipInfo;
  const missing = (): number =>
    red.heard
      .filter(isClip)
      .flatMap((heard) => clipOf(heard).gaps)
      .reduce((sum, { ms }) => sum + ms, 0);
  const isFetched = (heard: Heard): boolean => isClip(heard) && clipOf(heard).source === 'playback';
  if (outcome === undefined) problems.push('neither a clip nor a word of the alarm');
  else if (isCaught(outcome) || missing() > LEAST_MS) {
    const fetched = await red.first(BACKFILL_MS, isFetched);
    if (fetched === undefined) problems.push('what is missing was never fetched');
    else if (clipOf(fetched).coverage < 0.9) problems.push(`fetched only ${clipOf(fetched).coverage}`);
  }
  const caught = red.heard.filter(isCaught);
  if (caught.length > 1) problems.push(`Catch ${caught.length} times`);
  for (const { reason, alarms } of red.heard.filter(isClip).map(clipOf))
    if (reason !== 'motion' || alarms.length !== 1 || !isBetween(alarms[0]!.time, sent, taken))
      problems.push(`a clip of ${reason} tells of ${JSON.stringify(alarms)}`);
  const live = red.heard.filter((heard) => isClip(heard) && clipOf(heard).source === 'live');
  if (new Set(live.map((heard) => clipOf(heard).file)).size !== live.length)
    problems.push('a clip was told twice');
  const words = [
    ...caught.map(() => 'Catch'),
    ...red.heard.filter(isClip).map((heard) => wordOf(clipOf(heard))),
  ];
  return { seen: words.join('; '), problems };
}

/** Epoch ms. Rows of a clock that is set may run in this process at the same time. */
const realTime = (): number => performance.timeOrigin + performance.now();

const isBetween = (time: number, from: number, to: number): boolean =>
  time >= from - LEAST_MS && time <= to + LEAST_MS;

const wordOf = ({ source, coverage, recovered }: ClipInfo): string =>
  `${source} ${coverage}${recovered === true ? ' recovered' : ''}`;

function flow(nvr: ManualNvr): object[] {
  const { rtspPort, httpPort } = nvr;
  return [
    { id: 'tab', type: 'tab', label: 'tab' },
    {
      ...{ id: 'nvr', type: 'nvr-server', name: 'NVR', host: '127.0.0.1' },
      ...{ rtspPort: String(rtspPort), httpPort: String(httpPort) },
    },
    {
      ...{ id: 'node', type: 'nvr-record', z: 'tab', nvr: 'nvr', channel: '1', preRoll: '2', postRoll: '4' },
      ...{ wires: [['hear out'], ['hear event']] },
    },
    { id: 'caught', type: 'catch', z: 'tab', scope: ['node'], uncaught: false, wires: [['hear catch']] },
    { id: 'completed', type: 'complete', z: 'tab', scope: ['node'], wires: [['hear complete']] },
  ];
}
