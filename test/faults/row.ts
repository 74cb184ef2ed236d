// One row of the matrix: a node, a fault, what the user saw of it, and which rules were broken.

import { NVR_ERROR_CODES } from '../../lib/errors.js';
import type { Message, Sink } from '../kit/red.js';
import type { Fault, Place } from './faults.js';

export type NodeKind = 'record' | 'playback' | 'snapshot' | 'health';

export interface Row {
  readonly node: NodeKind;
  readonly fault: Fault;
}

export interface Outcome {
  readonly row: Row;
  /** What the user saw, in a few words. */
  readonly seen: string;
  /** Seconds from the end of the fault until everything works as before; undefined: never. */
  readonly recovery: number | undefined;
  /** Reported and measured coverage of the clip or span that the fault hit. */
  readonly coverage?: string;
  readonly problems: readonly string[];
}

/** A running row: its nodes in the flow, and its NVR. */
export interface Scene extends Place {
  /** Number of the row, carried by all its messages as `scene`. */
  readonly number: number;
  readonly row: Row;
  /**
   * `out`, `event`; `catch` and `complete` of all rows; `pictures` of a live-stream node of the same camera.
   */
  sink(name: 'out' | 'event' | 'catch' | 'complete' | 'pictures'): Sink;
  send(message: object): void;
  /** Runs a fault of the whole process once for all rows of the group, when all have reached this step. */
  together(step: 'begin' | 'end', run: () => void | Promise<void>): Promise<void>;
}

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The message, or undefined after `ms`. */
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

/** Problems with the answer: a message must be answered exactly once, and with a permitted outcome. */
export function answers(
  scene: Scene,
  mark: string,
): { done: number; caught: string[]; problems: string[]; word: string } {
  const mine = isMine(scene, mark);
  const done = scene.sink('complete').messages.filter(mine).length;
  const caught = scene.sink('catch').messages.filter(mine).map(codeOf);
  const { node, fault } = scene.row;
  // A snapshot may time out first, and its error then names that cause. A recording also involves the key
  // service.
  const isOwn = node === 'playback' || node === 'snapshot';
  const may: readonly string[] = fault.codes === undefined || isOwn ? NVR_ERROR_CODES : fault.codes;
  const problems = caught.filter((code) => !may.includes(code)).map((code) => `${mark}: Catch got ${code}`);
  if (done + caught.length !== 1)
    problems.push(`${mark}: done() ${done} times, Catch ${caught.length} times`);
  return { done, caught, problems, word: caught[0] ?? (done > 0 ? 'done' : 'nothing') };
}

/** Resolves with true when the message has been answered, or false after `ms`. */
export async function isAnswered(scene: Scene, mark: string, ms: number): Promise<boolean> {
  const mine = isMine(scene, mark);
  const answer = Promise.race([scene.sink('complete').first(mine), scene.sink('catch').first(mine)]);
  return (await within(ms, answer)) !== undefined;
}

/** Begins the fault and ends it. Resolves with the time of its end (monotonic ms). */
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
