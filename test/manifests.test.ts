// The manifests of the page on many machines, read as the tools that run them do.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { channelList } from '../nodes/shared/channel-list.js';
import { exampleFlows } from './examples/flows.js';

const ROOT = path.join(__dirname, '..');
const PAGE = fs.readFileSync(path.join(ROOT, 'docs', 'many-machines.md'), 'utf8');
const nodeRed = createRequire(createRequire(__filename).resolve('@node-red/nodes/package.json'));
/** The parser of Node-RED's YAML node. */
const yaml = nodeRed('js-yaml') as { loadAll(text: string): unknown[] };

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image: string;
        readonly environment?: Readonly<Record<string, unknown>>;
        readonly volumes: readonly string[];
        readonly ports?: readonly string[];
      }
    >
  >;
  readonly volumes: Readonly<Record<string, unknown>>;
}

interface Named {
  readonly name: string;
}

interface Resource {
  readonly kind: string;
  readonly metadata: Named;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly serviceName?: string;
    readonly ports?: readonly { readonly port: number }[];
    readonly selector: { readonly app?: string; readonly matchLabels?: { readonly app: string } };
    readonly volumeClaimTemplates?: readonly { readonly metadata: Named }[];
    readonly template: {
      readonly metadata: { readonly labels: { readonly app: string } };
      readonly spec: {
        readonly containers: readonly {
          readonly image: string;
          readonly env?: readonly {
            readonly name: string;
            readonly value?: unknown;
            readonly valueFrom?: object;
          }[];
          readonly ports: readonly { readonly containerPort: number }[];
          readonly volumeMounts: readonly Named[];
        }[];
        readonly volumes: readonly {
          readonly name: string;
          readonly configMap?: Named;
          readonly persistentVolumeClaim?: { readonly claimName: string };
        }[];
      };
    };
  };
}

const block = (language: string, index: number): string =>
  [...PAGE.matchAll(/```(\w+)\n([^]*?)```/g)].filter(([, name]) => name === language)[index]![2]!;
/** First column of the page's tables of variables. */
const VARIABLES = [...PAGE.matchAll(/^\| (`[A-Z][A-Z_`, ]+`) +\|/gm)].flatMap(([, names]) =>
  names!.split(', ').map((name) => name.replaceAll('`', '')),
);
const IMAGE = /^nodered\/node-red:(\d+\.\d+)$/;

function judgeVariables(given: Readonly<Record<string, unknown>>): void {
  const needed = VARIABLES.filter((name) => !name.startsWith('CLIPS_'));
  assert.deepEqual(Object.keys(given).sort(), needed.sort());
  for (const [name, value] of Object.entries(given)) assert.equal(typeof value, 'string', name);
  const channels = channelList({ channels: [{ channel: 1, name: 'Gate' }] }, given.NVR_CHANNELS);
  assert.ok(channels.length > 0);
}

function judgeImage(image: string): void {
  const { devDependencies, ...manifest } = JSON.parse(
    fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
  ) as { devDependencies: Record<string, string>; 'node-red': { version: string } };
  const [, version = ''] = IMAGE.exec(image)!;
  assert.equal(manifest['node-red'].version, '>=4.0.0');
  assert.ok(devDependencies['node-red']!.startsWith(`^${version}.`), 'the version that the tests run on');
}

describe('the page on many machines', () => {
  it('names every variable that the examples read, and none that they do not', () => {
    const text = exampleFlows()
      .filter(({ name }) => /^1[67] /.test(name))
      .map(({ nodes }) => nodes);
    const own = ['TOPIC_OF_INSTANCE', 'CLIENT_OF_STATE', 'CLIENT_OF_JOBS', 'CLIENT_OF_CAMERAS'];
    const read = new Set(
      [
        ...JSON.stringify(text).matchAll(
          /\$\{([A-Z_]+)\}|env(?:\.get)?\(\W{0,2}([A-Z_]+)|"channel":"([A-Z_]+)"/g,
        ),
      ]
        .map(([, a, b, c]) => (a ?? b ?? c)!)
        .filter((name) => !own.includes(name)),
    );
    // The NVR's address is what the user puts into its config node.
    assert.deepEqual([...read, 'NVR_HOST'].sort(), [...VARIABLES].sort());
  });

  it('has a compose file whose services find each other, by the variables of the examples', () => {
    const [{ services, volumes }] = yaml.loadAll(block('yaml', 0)) as [Compose];
    const instances = Object.entries(services).filter(([, { image }]) => IMAGE.test(image));
    assert.equal(instances.length, 2);
    for (const [name, { image, environment, ports }] of instances) {
      judgeImage(image);
      judgeVariables(environment!);
      assert.equal(environment!.NVR_INSTANCE, name);
      assert.ok(Object.hasOwn(services, String(environment!.MQTT_HOST)));
      assert.ok(block('conf', 0).includes(`listener ${String(environment!.MQTT_PORT)}\n`));
      assert.match(ports![0]!, /^\d+:1880$/);
    }
    assert.equal(new Set(instances.map(([, { ports }]) => ports![0])).size, 2, 'ports of the host');
    assert.equal(new Set(instances.map(([, { volumes: own }]) => own[0])).size, 2, 'folders of Node-RED');
    const named = Object.values(services)
      .flatMap((service) => service.volumes)
      .map((volume) => volume.split(':')[0]!)
      .filter((source) => !source.startsWith('.'));
    assert.deepEqual(Object.keys(volumes), named);
  });

  it('has Kubernetes resources that find each other, by the variables of the examples', () => {
    const resources = yaml.loadAll(block('yaml', 1)) as Resource[];
    const names = (kind: string): string[] =>
      resources.filter((one) => one.kind === kind).map(({ metadata }) => metadata.name);
    const sets = resources.filter(({ kind }) => kind === 'StatefulSet');
    assert.equal(sets.length, 2);
    for (const { spec } of sets) {
      const { template, volumeClaimTemplates = [], selector, serviceName } = spec;
      assert.equal(selector.matchLabels!.app, template.metadata.labels.app);
      const service = resources.find(
        ({ kind, metadata }) => kind === 'Service' && metadata.name === serviceName,
      );
      assert.equal(service!.spec.selector.app, template.metadata.labels.app);
      const [container] = template.spec.containers;
      assert.equal(service!.spec.ports![0]!.port, container!.ports[0]!.containerPort);
      const volumes = [...template.spec.volumes, ...volumeClaimTemplates.map(({ metadata }) => metadata)];
      assert.deepEqual(
        container!.volumeMounts.map(({ name }) => name).sort(),
        volumes.map(({ name }) => name).sort(),
      );
      for (const { configMap, persistentVolumeClaim } of template.spec.volumes) {
        if (configMap !== undefined) assert.ok(names('ConfigMap').includes(configMap.name));
        if (persistentVolumeClaim !== undefined)
          assert.ok(names('PersistentVolumeClaim').includes(persistentVolumeClaim.claimName));
      }
    }
    const [container] = sets.find(({ metadata }) => metadata.name === 'nvr')!.spec.template.spec.containers;
    judgeImage(container!.image);
    const env = Object.fromEntries(
      container!.env!.map(({ name, value, valueFrom }) => [name, valueFrom ? name : value]),
    );
    judgeVariables(env);
    assert.ok(names('Service').includes(String(env.MQTT_HOST)));
    const config = resources.find(({ kind }) => kind === 'ConfigMap')!.data!;
    assert.equal(config['mosquitto.conf'], block('conf', 0), 'the broker that the compose file has');
  });
});
