import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import nodeFs from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { copyClip, type CopiedClip } from '../../../lib/nvr/evidence/copy-clip.js';
import { ThreadHashes } from '../../../lib/nvr/evidence/part-hashes.js';
import { DigestThread, type ThreadFile } from '../../../lib/nvr/recorder/digest-thread.js';
import type { DigestReply } from '../../../lib/nvr/recorder/digest-worker.js';
import { EvidenceRig } from '../../kit/evidence-rig.js';

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** Counts what the thread is asked, and is gone after so many pieces. */
class Counted extends DigestThread {
  asked = 0;
  /** Files that it holds. */
  held = 0;

  constructor(private readonly most = Infinity) {
    super();
  }

  override begin(): ThreadFile | undefined {
    this.held++;
    return super.begin();
  }

  override end(): void {
    this.held--;
    super.end();
  }

  override ask(...[file, piece, part]: Parameters<DigestThread['ask']>): Promise<DigestReply | undefined> {
    return ++this.asked > this.most ? Promise.resolve(undefined) : super.ask(file, piece, part);
  }
}

class None extends Counted {
  begun = 0;

  override begin(): ThreadFile | undefined {
    this.begun++;
    return undefined;
  }
}

describe('a clip that is copied into an export', function () {
  this.timeout(30_000);
  let rig: EvidenceRig;
  let short: string;
  let long: string;

  before(async () => {
    rig = new EvidenceRig({ segment: 300 });
    const [first] = await rig.record(2);
    short = first!.file;
    const [whole] = (await rig.record(180)).slice(1);
    long = whole!.file;
    assert.ok(nodeFs.statSync(long).size > 1024 * 1024, String(nodeFs.statSync(long).size));
  });

  after(() => rig.close());

  async function copied(file: string, thread: DigestThread): Promise<CopiedClip> {
    const source = await fs.open(file);
    const to = path.join(rig.userDir, 'copy.mp4');
    const target = await fs.open(to, 'w');
    const { size } = await source.stat();
    const told = await copyClip(
      source,
      size,
      async (piece, at) => {
        await target.write(piece, 0, piece.length, at);
      },
      thread,
    );
    await Promise.all([source.close(), target.close()]);
    const bytes = nodeFs.readFileSync(file);
    assert.deepEqual(nodeFs.readFileSync(to), bytes);
    assert.deepEqual({ bytes: told.bytes, sha256: told.sha256 }, { bytes: size, sha256: sha256(bytes) });
    let reached = 0;
    for (const span of told.spans) {
      assert.equal(span.offset, reached);
      reached += span.bytes;
      assert.equal(span.sha256, sha256(bytes.subarray(span.offset, reached)));
    }
    assert.equal(reached, size);
    return told;
  }

  it('is hashed by a thread, whole and by its seconds, where it is no short one', async () => {
    const thread = new Counted();
    const { spans } = await copied(long, thread);
    assert.ok(spans.length > 150);
    assert.ok(thread.asked > spans.length, `${thread.asked} pieces`);
    const idle = new Counted();
    await copied(short, idle);
    assert.equal(idle.asked, 0);
  });

  it('gives the thread back, also where it cannot be written', async () => {
    const thread = new Counted();
    await copied(long, thread);
    assert.equal(thread.held, 0);
    const source = await fs.open(long);
    const { size } = await source.stat();
    await assert.rejects(
      copyClip(source, size, () => Promise.reject(new Error('full')), thread),
      /full/,
    );
    await source.close();
    assert.equal(thread.held, 0);
  });

  it('is given to a thread from 1 MiB on', async () => {
    const file = path.join(rig.userDir, 'other.mp4');
    for (const [size, isByThread] of [
      [1024 * 1024 - 1, false],
      [1024 * 1024, true],
    ] as const) {
      const thread = new None();
      nodeFs.writeFileSync(file, Buffer.alloc(size, 'no clip'));
      await copied(file, thread);
      assert.equal(thread.begun > 0, isByThread, `${size} bytes`);
    }
  });

  it('is not copied where it has become shorter meanwhile', async () => {
    const source = await fs.open(short);
    const { size } = await source.stat();
    await assert.rejects(
      copyClip(source, size + 1, () => Promise.resolve(), new None()),
      { code: 'EIO' },
    );
    await source.close();
  });

  it('is copied whole where it is no clip', async () => {
    const file = path.join(rig.userDir, 'other.mp4');
    nodeFs.writeFileSync(file, 'no clip at all');
    assert.equal((await copied(file, new None())).spans.length, 1);
  });

  it('has no hash of a part where the thread tells none', async () => {
    const piece = new Uint8Array(3);
    const reply = (given: DigestReply | undefined): ThreadHashes =>
      new ThreadHashes({ ask: () => Promise.resolve(given) } as unknown as DigestThread, {} as ThreadFile);
    assert.deepEqual(await reply({ piece } as DigestReply).take(piece, false), { memory: piece.buffer });
    assert.equal(await reply({ piece } as DigestReply).take(piece, true), undefined);
    assert.equal(await reply(undefined).take(piece, false), undefined);
  });

  it('has the same hashes where there is no thread, and where it breaks at any piece', async () => {
    const expected = await copied(long, new None());
    for (const most of [0, 1, 7, expected.spans.length])
      assert.deepEqual(await copied(long, new Counted(most)), expected);
  });
});
