import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { demoFlow, exampleFlows } from '../examples/flows.js';
import { needs } from '../kit/tools.js';
import { launchBrowser, openEditor, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';

/** Where screenshots go, for people to look at; none without it. */
const SHOTS = process.env.NVR_SCREENSHOTS;
/** A canvas of 1400 x 900 with both sidebars open shows about so much of it. */
const VISIBLE = { width: 1100, height: 700 };

interface Placed {
  id: string;
  type: string;
  z: string;
  label: string;
  x: number;
  y: number;
  w: number;
  h: number;
  valid: boolean;
}

interface Editor {
  RED: {
    nodes: {
      eachNode(take: (node: Placed & { _def: { label: unknown } }) => void): void;
      eachConfig(take: (node: Placed) => void): void;
      getWorkspaceOrder(): string[];
    };
    view: { importNodes(nodes: object[], options: object): void };
    workspaces: { show(id: string): void };
  };
}

describe('the example flows in the editor', function () {
  this.timeout(120_000);
  let nodeRed: RunningNodeRed | undefined;
  let browser: Browser | undefined;
  let page: Page;
  const flows = [...exampleFlows(), demoFlow()];

  before(async function () {
    needs(this, 'chromium');
    if (SHOTS !== undefined) fs.mkdirSync(SHOTS, { recursive: true });
    nodeRed = await startNodeRed([{ id: 'tab', type: 'tab', label: 'mine', disabled: true }]);
    browser = await launchBrowser();
    ({ page } = await openEditor(browser, nodeRed.url));
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
  });

  function importFlow(nodes: readonly object[], copy: boolean): Promise<void> {
    return page.evaluate(
      ([all, generateIds]) => {
        const { RED } = window as unknown as Editor;
        RED.view.importNodes(all, { generateIds, addFlow: false });
      },
      [nodes as object[], copy] as const,
    );
  }

  function placed(): Promise<Placed[]> {
    return page.evaluate(() => {
      const { RED } = window as unknown as Editor;
      const all: Placed[] = [];
      RED.nodes.eachNode(({ id, type, z, x, y, w, h, valid, ...node }) => {
        const { name } = node as unknown as { name?: string };
        all.push({ id, type, z, x, y, w, h, valid, label: name ?? '' });
      });
      return all;
    });
  }

  for (const { name, nodes } of flows)
    it(`${name}: nothing overlaps, all is inside the canvas, and every node is valid`, async () => {
      // The same NVR is in each: from the second on, the editor asks, and "Import copy" is what is tried
      // here.
      const copies = nodes.map((node) => (node.type === 'tab' ? { ...node, disabled: true } : node));
      await importFlow(copies, name !== flows[0]!.name);
      const tab = await page.evaluate(() => {
        const { RED } = window as unknown as Editor;
        const last = RED.nodes.getWorkspaceOrder().at(-1)!;
        RED.workspaces.show(last);
        return last;
      });
      await page.waitForFunction((z) => {
        const { RED } = window as unknown as Editor;
        let drawn = true;
        RED.nodes.eachNode((node) => (drawn &&= node.z !== z || node.w > 0));
        return drawn;
      }, tab);
      if (SHOTS !== undefined) await page.screenshot({ path: path.join(SHOTS, `example ${name}.png`) });
      const here = (await placed()).filter(({ z }) => z === tab);
      assert.equal(here.length, nodes.filter(({ x }) => x !== undefined).length);
      const box = ({ x, y, w, h }: Placed): [number, number, number, number] => [
        x - w / 2,
        y - h / 2,
        x + w / 2,
        y + h / 2,
      ];
      for (const [index, node] of here.entries()) {
        const [left, top, right, bottom] = box(node);
        const what = `${node.type} "${node.label}"`;
        assert.ok(left >= 5 && top >= 5, `${what} is cut off: ${left} ${top}`);
        assert.ok(
          right <= VISIBLE.width && bottom <= VISIBLE.height,
          `${what} is out of sight: ${right} ${bottom}`,
        );
        // Types of packages that are not installed here are not known to the editor.
        if (!/^(ui-|e-mail)/.test(node.type)) assert.notEqual(node.valid, false, `${what} is invalid`);
        for (const other of here.slice(index + 1)) {
          const [l, t, r, b] = box(other);
          assert.ok(
            right + 5 <= l || r + 5 <= left || bottom <= t || b <= top,
            `${what} and ${other.type} "${other.label}" overlap`,
          );
        }
      }
    });

  it('are imported twice without a conflict: all keep to the NVR that is there', async () => {
    const [first] = flows;
    const before = (await placed()).length;
    await importFlow(first!.nodes, true);
    await importFlow(first!.nodes, true);
    const after = await placed();
    assert.equal(after.length, before + 2 * first!.nodes.filter(({ x }) => x !== undefined).length);
    assert.equal(new Set(after.map(({ id }) => id)).size, after.length);
    const servers = await page.evaluate(() => {
      const { RED } = window as unknown as Editor;
      let count = 0;
      RED.nodes.eachConfig(({ type }) => (count += type === 'nvr-server' ? 1 : 0));
      return count;
    });
    assert.equal(servers, 1);
  });
});
