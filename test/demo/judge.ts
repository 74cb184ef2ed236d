// What a judge of the demo is shown, and what it answers.

import type { ClipInfo } from '../../lib/nvr/recorder/types.js';
import type { ExampleFlow } from '../../lib/simulator/demo-folder.js';

/** What a node sent, as the report hook tells it. */
export interface SentMessage {
  readonly tab: string;
  readonly type: string;
  readonly name?: string;
  readonly port: number;
  readonly payload?: unknown;
  readonly video?: { codec: string; keyframe: boolean; width: number; height: number; time: number };
  readonly event?: { code?: string; reason?: string; file?: string; change?: string };
  readonly health?: { cameras?: { channel: number; state: string; code?: string; codec?: string }[] };
  readonly clip?: Omit<ClipInfo, 'gaps' | 'audio'> & { recordedFrom?: number; recordedTo?: number };
  readonly contentType?: string;
  readonly topic?: string;
}

export interface CheckOptions {
  flows: readonly ExampleFlow[];
  /** Where Node-RED listens. */
  url: string;
  folder: string;
  messages(take: (message: SentMessage) => void): void;
  exited: Promise<void>;
  print(line: string): void;
}

/**
 * Looks at one message of its flow: a sentence says what came, undefined waits for another message, a throw
 * condemns.
 */
export type Judge = (
  message: SentMessage,
  options: CheckOptions,
) => string | undefined | Promise<string | undefined>;
