// Status badges. Their texts are keys in the node's catalog, and readable without it.

import type { NodeStatus } from 'node-red';
import type { NvrErrorCode } from '../../lib/errors.js';
import type { HubEvent } from '../../lib/nvr/types.js';

export const IDLE: NodeStatus = { fill: 'grey', shape: 'ring', text: 'idle' };
export const PLAYING: NodeStatus = { fill: 'green', shape: 'dot', text: 'playing' };
export const STOPPED: NodeStatus = { fill: 'grey', shape: 'ring', text: 'stopped' };

/** An invalid setting, by its property name. */
export function invalidSetting(property: string): NodeStatus {
  return { fill: 'red', shape: 'ring', text: `bad ${property}`.slice(0, 19) };
}

export function failed(code: NvrErrorCode): NodeStatus {
  return { fill: 'red', shape: 'ring', text: code };
}

/** The badge after an event of the stream; undefined leaves it unchanged. */
export function statusOfEvent(event: HubEvent): NodeStatus | undefined {
  switch (event.type) {
    case 'connecting':
      return { fill: 'yellow', shape: 'ring', text: 'connecting' };
    case 'playing':
      return PLAYING;
    case 'reconnecting': {
      const details: { readonly code?: string } = event;
      return { fill: 'yellow', shape: 'ring', text: details.code ?? 'retrying' };
    }
    case 'error':
      return { fill: 'red', shape: 'ring', text: event.code };
    case 'stopped':
      return STOPPED;
    case 'warning':
      return event.code === 'ENOKEYFRAME'
        ? { fill: 'yellow', shape: 'ring', text: 'ENOKEYFRAME' }
        : undefined;
    case 'format':
    case 'gap':
      return undefined;
  }
}
