// One row of the matrix: a node, a fault, what a user saw of it, and what is wrong with that.

import { NVR_ERROR_CODES } from '../../lib/errors.js';
import type { Message, Sink } from '../nodes/red.js';
import type { Fault, Place } from './faults.js';

export type NodeKind = 'record' | 'playback' | 'snapshot' | 'health';

export interface Row {
  readonly node: NodeKind;
  readonly fault: Fault;
}

export interface Outcome {
  readonly row: Row;
  /** In a few words. */
  readonly seen: string;
  /** Seconds from the fault's end until all is as it was; undefined: it never was. */
  readonly recovery: number | undefined;
  /** Told and measured, of the clip or the span that the fault hit. */
  readonly coverage?: string;
  readonly problems: readonly string[];
}

/** A row on the stage: its nodes in the flow, and its NVR. */
export interface Scene extends Place {
  /** Its number, on all its messages as `scene`. */
  readonly number: number;
  readonly row: Row;
  /**
   * `out`, `event`; `catch` and `complete` of all scenes; `pictures` of a live-stream node of the same
   * camera.
   */
  sink(name: 'out' | 'event' | 'catch' | 'complete' | 'pictures'): Sink;
  send(message: object): void;
  /**
   * Where a fault strikes the whole process, once for all rows that are played with this one, when all have
   * come so far.
   */
  together(step: 'begin' | 'end', run: () => void | Promise<void>): Promise<void>;
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The message, or undefined after so long. */
export async function within(ms: number, message: Promise<Message>): Promise<Message | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
    }, ms);
  });
  const first = await Promise.race([message, late]);
  clearTimeout(timer);
  return first;
}

export const codeOf = (message: Message): string =>
  String((message.error as { code?: unknown } | undefined)?.code);

const isMine =
  ({ number }: Scene, mark: string) =>
  (message: Message): boolean =>
    message.scene === number && message.mark === mark;

/** Whether a message was answered once, and how. */
export function answers(
  scene: Scene,
  mark: string,
): { done: number; caught: string[]; problems: string[]; word: string } {
  const mine = isMine(scene, mark);
  const done = scene.sink('complete').messages.filter(mine).length;
  const caught = scene.sink('catch').messages.filter(mine).map(codeOf);
  const { node, fault } = scene.row;
  // A snapshot's own time is over first; its message tells why. A recording has a key service, too.
  const isOwn = node === 'playback' || node === 'snapshot';
  const may: readonly string[] = fault.codes === undefined || isOwn ? NVR_ERROR_CODES : fault.codes;
  const problems = caught.filter((code) => !may.includes(code)).map((code) => `${mark}: Catch got ${code}`);
  if (done + caught.length !== 1)
    problems.push(`${mark}: done() ${done} times, Catch ${caught.length} times`);
  return { done, caught, problems, word: caught[0] ?? (done > 0 ? 'done' : 'nothing') };
}

/** Resolves when the message has been answered; false: not within that time. */
export async function settled(scene: Scene, mark: string, ms: number): Promise<boolean> {
  const mine = isMine(scene, mark);
  const answer = Promise.race([scene.sink('complete').first(mine), scene.sink('catch').first(mine)]);
  return (await within(ms, answer)) !== undefined;
}

/** Begins the fault and ends it; answers the moment of its end (monotonic ms). */
export async function strike(scene: Scene, meanwhile?: () => Promise<void>): Promise<number> {
  const { fault } = scene.row;
  await scene.together('begin', () => fault.begin(scene));
  await Promise.all([wait(fault.ms), meanwhile?.()]);
  await scene.together('end', () => fault.end?.(scene));
  return performance.now();
}

export function tooLate(scene: Scene, recovery: number | undefined): string[] {
  const { seenWithin } = scene.row.fault;
  if (seenWithin === undefined || (recovery !== undefined && recovery <= seenWithin)) return [];
  return [`seen again after ${recovery?.toFixed(1) ?? 'never'}, not within ${seenWithin} s`];
}

export const seconds = (from: number): number => (performance.now() - from) / 1000;
