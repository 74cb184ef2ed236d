// What each kind of node is asked during a fault, and the rules for its answers.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ClipInfo } from '../../lib/nvr/recorder/types.js';
import type { Message } from '../kit/red.js';
import { MANUAL_CLIPS } from '../kit/manual-nvr-media.js';
import {
  answers,
  seconds,
  isAnswered,
  strike,
  tooLate,
  wait,
  within,
  type NodeKind,
  type Outcome,
  type Scene,
} from './row.js';

export const PRE_ROLL = 2;
export const POST_ROLL = 4;
/** Length of the recorded span requested from playback. */
const SPAN_MS = 6000;
/** How much longer than a clip its report may take. */
const TOLD_MS = 20_000;
const BACKFILL_MS = 75_000;
/** Shorter missing parts need no clip of their own. */
const LEAST_MS = 2000;
/** Allowed difference between the reported and the measured span, in ms. */
const APART_MS = 400;
/** Jitter of a steady camera's pictures, in ms. */
const UNEVEN_MS = 20;
/** Value of the setting "maxAge". */
const MAX_AGE_MS = 2000;
const ROUND_MS = 60_000;

type Judge = (scene: Scene) => Promise<Omit<Outcome, 'row'>>;

export const SCENES: Readonly<Record<NodeKind, Judge>> = { record, playback, snapshot, health };

/** Sends an alarm just before the fault, one during it, and one after the recovery. */
async function record(scene: Scene): Promise<Omit<Outcome, 'row'>> {
  const { fault } = scene.row;
  const pictures = scene.sink('pictures');
  const problems: string[] = [];
  const enough = pictures.first(() => pictures.messages.length >= 25);
  if ((await within(ROUND_MS, enough)) === undefined)
    return { seen: 'no pictures', recovery: undefined, problems: ['never played'] };
  const times = new Map<string, number>();
  const alarm = (mark: string): void => {
    times.set(mark, Date.now());
    scene.send({ payload: 'motion', mark });
  };
  alarm('before');
  await wait(1000);
  const isLong = fault.ms > POST_ROLL * 1000;
  const end = await strike(scene, async () => {
    if (!isLong) return;
    await wait(POST_ROLL * 1000 + 1000);
    alarm('within');
  });
  const first = await within(
    (fault.seenWithin ?? 10) * 1000 + 5000,
    pictures.next(() => true),
  );
  const recovery = first === undefined ? undefined : seconds(end);
  problems.push(...tooLate(scene, recovery));
  const marks = isLong ? ['before', 'within', 'after'] : ['before', 'after'];
  const words: string[] = [];
  let coverage: string | undefined;
  for (const mark of marks) {
    if (mark === 'after') {
      // An earlier alarm would only extend the current clip.
      await wait((PRE_ROLL + 1) * 1000);
      alarm(mark);
    }
    const isInTime = await isAnswered(scene, mark, (PRE_ROLL + POST_ROLL) * 1000 + TOLD_MS);
    if (!isInTime) problems.push(`${mark}: no answer`);
    const judged = await judgeAlarm(scene, mark, times.get(mark)!);
    problems.push(...judged.problems);
    words.push(`${mark}: ${judged.word}`);
    if (mark === 'before') coverage = judged.coverage;
  }
  return { seen: words.join('; '), recovery, problems, ...(coverage !== undefined && { coverage }) };
}

async function judgeAlarm(
  scene: Scene,
  mark: string,
  time: number,
): Promise<{ problems: string[]; word: string; coverage?: string }> {
  const { problems, done, word } = answers(scene, mark);
  const mine = (message: Message): boolean => message.mark === mark;
  const clips = scene.sink('out').messages.filter(mine).map(clipOf);
  const live = clips.filter(({ source }) => source === 'live');
  if (done > 0 && live.length === 0) problems.push(`${mark}: done() without a clip`);
  const asked = { from: time - PRE_ROLL * 1000, to: time + POST_ROLL * 1000 };
  const measured = await measure(live, asked);
  const missing = live.length === 0 ? asked.to - asked.from : toldMissing(live);
  const isClock = scene.row.fault.name.startsWith('clock');
  if (done > 0 && !isClock) {
    if (!live.some(({ start, end }) => start <= asked.to && end >= asked.from))
      problems.push(`${mark}: done() with a clip that holds nothing of the alarm's time`);
    if (missing <= LEAST_MS && !live.some(({ start, end }) => start - 100 <= time && time <= end + 100))
      problems.push(`${mark}: done() with a clip that does not hold the alarm, and nothing is fetched`);
    if (Math.abs(measured - missing) > APART_MS)
      problems.push(
        `${mark}: ${missing} ms told missing (${JSON.stringify(live.map(({ gaps }) => gaps))}), ${Math.round(measured)} ms measured`,
      );
  }
  const isSick = scene.row.fault.name.startsWith('disk');
  if (mark === 'after' && (done === 0 || missing > LEAST_MS / 4))
    problems.push(
      `after: ${word}, ${missing} ms missing although all is well: ${JSON.stringify(live.map(({ gaps }) => gaps))}`,
    );
  const coverage = live[0] === undefined ? undefined : `${live[0].coverage} / ${share(measured, asked)}`;
  let summary = live.length === 0 ? word : `${word} ${live.map((clip) => clip.coverage).join('+')}`;
  if (missing > LEAST_MS && !isSick) {
    const isFetched = (message: Message): boolean => mine(message) && clipOf(message).source === 'playback';
    const fetched = await within(BACKFILL_MS, scene.sink('out').first(isFetched));
    if (fetched === undefined) problems.push(`${mark}: ${missing} ms missing and never fetched`);
    else {
      const clip = clipOf(fetched);
      summary += `, fetched ${clip.coverage}`;
      const left = await measure([clip], asked);
      if (Math.abs(left - toldMissing([clip])) > APART_MS)
        problems.push(
          `${mark}: of what was fetched ${toldMissing([clip])} ms told missing, ${left} measured`,
        );
      if (clip.coverage < 0.9) problems.push(`${mark}: fetched only ${clip.coverage}`);
    }
    const again = answers(scene, mark);
    problems.push(...again.problems.filter((problem) => !problems.includes(problem)));
  }
  return { problems, word: summary, ...(coverage !== undefined && { coverage }) };
}

const clipOf = (message: Message): ClipInfo => message.clip as ClipInfo;
const toldMissing = (clips: readonly ClipInfo[]): number =>
  clips.flatMap(({ gaps }) => gaps).reduce((sum, { ms }) => sum + ms, 0);
const share = (missing: number, { from, to }: { from: number; to: number }): string =>
  (1 - missing / (to - from)).toFixed(3);

let probes: Promise<unknown> = Promise.resolve();

/**
 * ms of the span in which ffprobe finds no picture, not counting steps of up to two pictures. Runs one
 * measurement at a time.
 */
function measure(clips: readonly ClipInfo[], asked: { from: number; to: number }): Promise<number> {
  const result = probes.then(() => measureNow(clips, asked));
  probes = result.catch(() => undefined);
  return result;
}

async function measureNow(
  clips: readonly ClipInfo[],
  { from, to }: { from: number; to: number },
): Promise<number> {
  const shown: number[] = [];
  for (const { file, start } of clips) {
    const { stdout } = await promisify(execFile)('ffprobe', [
      ...['-v', 'error', '-select_streams', 'v', '-show_entries', 'packet=pts_time'],
      ...['-of', 'csv=p=0', file],
    ]);
    for (const line of stdout.trim().split('\n')) {
      const at = Number.parseFloat(line);
      if (!Number.isNaN(at)) shown.push(start + at * 1000);
    }
  }
  shown.sort((a, b) => a - b);
  if (shown.length === 0) return to - from;
  // The NVR's own interval, not the clip's usual step: the pictures of a stream's first burst arrive
  // together.
  const frame = MANUAL_CLIPS.small().frameMs;
  // A gap as defined in the message contract: from the picture before it to the one after it, if more than
  // two frame intervals apart.
  const bounds = [from, ...shown, to].map((at) => Math.min(Math.max(at, from), to));
  const steps = bounds.slice(1).map((at, index) => at - bounds[index]!);
  // The last picture is assumed to last a normal frame interval.
  steps.push(steps.pop()! - frame);
  return steps.filter((ms) => ms > 2 * frame + UNEVEN_MS).reduce((sum, ms) => sum + ms, 0);
}

/** Plays a recorded span during the fault, and another one after the recovery. */
async function playback(scene: Scene): Promise<Omit<Outcome, 'row'>> {
  const problems: string[] = [];
  const from = Math.floor(Date.now() / 1000 - 60) * 1000;
  const ask = (mark: string): void => {
    scene.send({ action: 'play', from, to: from + SPAN_MS, run: mark, mark });
  };
  ask('hit');
  const out = scene.sink('out');
  const begun = await within(
    ROUND_MS,
    out.first(() => out.messages.length >= 15),
  );
  if (begun === undefined) return { seen: 'no pictures', recovery: undefined, problems: ['never played'] };
  const end = await strike(scene);
  // The run that was hit goes on by itself, or one that is asked for afterwards plays.
  let recovery: number | undefined;
  void out
    .next(() => true)
    .then(() => {
      recovery = seconds(end);
    });
  if (!(await isAnswered(scene, 'hit', ROUND_MS))) problems.push('hit: no answer');
  const hit = judgeRun(scene, 'hit', from);
  problems.push(...hit.problems);
  const { isLogin, seenWithin = 10 } = scene.row.fault;
  let isWhole = false;
  // Repeating a refused log-in would lock the account out for minutes.
  for (let round = 1; !isWhole && seconds(end) < seenWithin + 10 && isLogin !== true; round++) {
    const mark = `again ${round}`;
    ask(mark);
    if (!(await isAnswered(scene, mark, ROUND_MS))) problems.push(`${mark}: no answer`);
    const again = judgeRun(scene, mark, from);
    problems.push(...again.problems);
    isWhole = again.isWhole;
    if (!isWhole) await wait(1000);
  }
  if (isLogin !== true) {
    problems.push(...tooLate(scene, recovery));
    if (!isWhole) problems.push('no whole run after the fault');
  }
  return { seen: hit.word, recovery: isLogin === true ? 0 : recovery, problems, coverage: hit.coverage };
}

function judgeRun(
  scene: Scene,
  mark: string,
  from: number,
): { problems: string[]; word: string; coverage: string; isWhole: boolean } {
  const { problems, word, done } = answers(scene, mark);
  const times = scene
    .sink('out')
    .messages.filter(({ run }) => run === mark)
    .map(({ video }) => (video as { time: number }).time)
    .sort((a, b) => a - b);
  let missing = 0;
  let reached = from;
  for (const time of [...times, from + SPAN_MS]) {
    const hole = Math.min(time, from + SPAN_MS) - reached;
    if (hole > 250) missing += hole;
    reached = Math.max(reached, time + 100);
  }
  const ended = scene
    .sink('event')
    .messages.filter(
      (message) => message.run === mark && ['ended', 'error'].includes(String(message.payload)),
    );
  const event = (ended[0]?.event ?? {}) as { missingMs?: number };
  const reported = event.missingMs ?? (done > 0 ? 0 : undefined);
  const gaps = scene
    .sink('event')
    .messages.filter((message) => message.run === mark && message.payload === 'gap');
  if (ended.length !== 1) problems.push(`${mark}: ${ended.length} words of its end`);
  // A picture with lost packets exists, and counts as damaged.
  if (done > 0 && missing > 500 && gaps.length === 0)
    problems.push(`${mark}: done(), and ${missing} ms are missing`);
  if (reported !== undefined && done === 0 && Math.abs(reported - missing) > 1200)
    problems.push(`${mark}: ${reported} ms told missing, ${missing} measured`);
  const coverage = `${(1 - (reported ?? SPAN_MS) / SPAN_MS).toFixed(3)} / ${(1 - missing / SPAN_MS).toFixed(3)}`;
  return { problems, word, coverage, isWhole: done > 0 };
}

/** Requests pictures one after the other during the fault, until one succeeds again. */
async function snapshot(scene: Scene): Promise<Omit<Outcome, 'row'>> {
  return ask(scene, {
    everyMs: 1500,
    isWell: (mark) => {
      const picture = scene.sink('out').messages.find((message) => message.mark === mark);
      return picture !== undefined && (picture.payload as Buffer).readUInt16BE(0) === 0xffd8;
    },
    problemsOf: (mark, tookMs) => {
      const picture = scene.sink('out').messages.find((message) => message.mark === mark);
      const { done, word } = answers(scene, mark);
      if (done > 0 !== (picture !== undefined)) return [`${mark}: ${word}, picture ${picture !== undefined}`];
      const age = (picture?.video as { ageMs?: number } | undefined)?.ageMs ?? 0;
      return age > MAX_AGE_MS + tookMs + 500 ? [`${mark}: a picture of ${age} ms ago`] : [];
    },
    wordOf: (mark) => answers(scene, mark).word,
  });
}

async function health(scene: Scene): Promise<Omit<Outcome, 'row'>> {
  const row = (mark: string): { state?: string; code?: string; rttMs?: number } =>
    scene.sink('out').messages.find((message) => message.mark === mark)?.health ?? {};
  return ask(scene, {
    everyMs: 1000,
    isWell: (mark) => row(mark).state === 'up',
    problemsOf: (mark) => {
      const { state, code } = row(mark);
      if (state === undefined) return [`${mark}: no health`];
      return state === 'down' && code === undefined ? [`${mark}: down without a code`] : [];
    },
    wordOf: (mark) => `${row(mark).state}${row(mark).code === undefined ? '' : ` ${row(mark).code}`}`,
  });
}

interface Questions {
  readonly everyMs: number;
  isWell(mark: string): boolean;
  /** `tookMs`: time until it was answered. */
  problemsOf(mark: string, tookMs: number): string[];
  wordOf(mark: string): string;
}

async function ask(scene: Scene, questions: Questions): Promise<Omit<Outcome, 'row'>> {
  const { fault } = scene.row;
  const problems: string[] = [];
  const words: string[] = [];
  let number = 0;
  const once = async (): Promise<boolean> => {
    const mark = `${++number}`;
    const asked = performance.now();
    scene.send({ payload: 'ask', mark });
    if (!(await isAnswered(scene, mark, 20_000))) problems.push(`${mark}: no answer within 20 s`);
    problems.push(...answers(scene, mark).problems, ...questions.problemsOf(mark, seconds(asked) * 1000));
    const word = questions.wordOf(mark);
    if (words.at(-1) !== word) words.push(word);
    return questions.isWell(mark);
  };
  for (let round = 0; !(await once()); round++) {
    if (round === 10) return { seen: words.join(', '), recovery: undefined, problems: ['never well'] };
    await wait(500);
  }
  const strikes = { on: true, seen: false };
  const during = async (): Promise<void> => {
    for (;;) {
      await wait(questions.everyMs);
      if (!strikes.on) return;
      if (!(await once())) strikes.seen = true;
    }
  };
  const asking = fault.ms > 0 ? during() : Promise.resolve();
  const end = await strike(scene);
  strikes.on = false;
  // The pending request was made during the fault, and its answer must not hide the first good one.
  let recovery: number | undefined;
  const limit = (fault.seenWithin ?? 10) + 5;
  if (fault.isLogin !== true) {
    while (recovery === undefined && seconds(end) < limit) {
      if (await once()) recovery = seconds(end);
      else await wait(500);
    }
    problems.push(...tooLate(scene, recovery));
  }
  await asking;
  if (fault.isOutage && !strikes.seen && scene.row.node === 'health' && fault.ms > 5000)
    problems.push('an outage that nobody was told of');
  return { seen: words.join(', '), recovery: fault.isLogin === true ? 0 : recovery, problems };
}
