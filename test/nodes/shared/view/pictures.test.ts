import assert from 'node:assert/strict';
import { EventEmitter, getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import sinon from 'sinon';
import { sendJson, written } from '../../../../nodes/shared/view/answers.js';
import { Pictures, type PictureWish } from '../../../../nodes/shared/view/pictures.js';
import { turn } from '../../../kit/fake-red.js';

/** A response whose client reads all at once, or never. */
class Answer extends EventEmitter {
  headersSent = false;
  destroyed = false;
  status = 0;
  body = '';
  readsAll = true;

  writeHead(status: number): this {
    assert.equal(this.headersSent, false, 'one head');
    this.headersSent = true;
    this.status = status;
    return this;
  }
  write(bytes: Buffer, sent: () => void): void {
    this.body += bytes.toString('latin1');
    if (this.readsAll) sent();
  }
  end(body?: Buffer | string): void {
    if (body !== undefined) this.body += body.toString();
  }
  get response(): ServerResponse {
    return this as unknown as ServerResponse;
  }
  get code(): unknown {
    return (JSON.parse(this.body) as { code: unknown }).code;
  }
}

describe('pictures of a camera without end', () => {
  let clock: sinon.SinonFakeTimers;
  let wishes: PictureWish[];
  const take = (wish: PictureWish): Promise<{ data: Buffer; time: number }> => {
    wishes.push(wish);
    return Promise.resolve({ data: Buffer.from('jpeg'), time: 1 });
  };

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    wishes = [];
  });

  afterEach(() => {
    clock.restore();
  });

  it('come each half a second, as long as the client is there', async () => {
    const answer = new Answer();
    const served = new Pictures().mjpeg('/3.mjpeg?width=64', answer.response, take);
    for (let picture = 1; picture <= 8; picture++) {
      await turn();
      assert.equal(wishes.length, picture);
      await clock.tickAsync(499);
      assert.equal(wishes.length, picture);
      await clock.tickAsync(1);
    }
    await turn();
    assert.deepEqual(wishes[0], { width: 64 });
    assert.equal(answer.body.split('--nvr-picture').length, 10);
    answer.emit('close');
    await clock.tickAsync(10_000);
    await served;
    assert.equal(wishes.length, 9);
  });

  it('wait for a client that does not read, and end with it', async () => {
    const answer = new Answer();
    answer.readsAll = false;
    const served = new Pictures().mjpeg('/3.mjpeg', answer.response, take);
    await turn();
    await clock.tickAsync(60_000);
    assert.equal(wishes.length, 1);
    answer.emit('close');
    await turn();
    await clock.tickAsync(500);
    await served;
    assert.equal(wishes.length, 1);
  });

  it('are served to sixteen at once, and to another one when one of them has gone', async () => {
    const pictures = new Pictures();
    const open = (): Answer => {
      const answer = new Answer();
      void pictures.mjpeg('/3.mjpeg', answer.response, take);
      return answer;
    };
    const served = Array.from({ length: 16 }, open);
    for (let round = 0; round < 2; round++) {
      const refused = open();
      await turn();
      assert.deepEqual({ status: refused.status, code: refused.code }, { status: 503, code: 'EBUSY' });
      served.shift()!.emit('close');
      served.push(open());
      await turn();
      assert.equal(served.at(-1)!.status, 200);
    }
    for (const answer of served) answer.emit('close');
    await clock.tickAsync(500);
  });

  it('say what is wrong where there are none', async () => {
    const answer = new Answer();
    await new Pictures().mjpeg('/3.mjpeg', answer.response, () => Promise.reject(new Error('broken')));
    assert.deepEqual({ status: answer.status, code: answer.code }, { status: 503, code: 'EDECODE' });
  });

  it('have a width from 16 to 4096', async () => {
    const status = async (width: string): Promise<number> => {
      const answer = new Answer();
      await new Pictures().still(`/3.jpg?width=${width}`, answer.response, take);
      return answer.status;
    };
    for (const width of ['16', '4096', '']) assert.equal(await status(width), 200, width);
    for (const width of ['15', '4097', '16.5', 'x']) assert.equal(await status(width), 400, width);
    assert.deepEqual(wishes, [{ width: 16 }, { width: 4096 }, { width: undefined }]);
  });
});

describe('answers to a page', () => {
  it('are not sent to one that is gone, nor after another answer', () => {
    for (const state of [{ headersSent: true }, { destroyed: true }]) {
      const answer = new Answer();
      Object.assign(answer, state);
      sendJson(answer.response, 500, {});
      assert.equal(answer.status, 0);
    }
  });

  it('leave nothing on the signal of a long one, however many parts it has', async () => {
    const { signal } = new AbortController();
    for (let part = 0; part < 20; part++) await written(new Answer().response, Buffer.from('x'), signal);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
});
