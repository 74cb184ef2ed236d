declare module 'node-red-node-test-helper' {
  interface TestHelper {
    init(runtimePath: string): void;
    startServer(done: () => void): void;
    stopServer(done: () => void): void;
    load(nodes: unknown, flow: unknown, credentials?: unknown): Promise<void>;
    /** Node-RED's own, for what the helper does with a bound on its time. */
    readonly _events: NodeJS.EventEmitter;
    readonly _redNodes: { setFlows(flow: unknown, credentials: object, type: string): Promise<unknown> };
    unload(): Promise<void>;
    getNode(id: string): unknown;
    request(): unknown;
    url(): string;
    settings(settings: object): void;
    log(): { args: unknown[][] };
  }
  const helper: TestHelper;
  export default helper;
}
