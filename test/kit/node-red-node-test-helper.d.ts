declare module 'node-red-node-test-helper' {
  interface TestHelper {
    init(runtimePath: string): void;
    startServer(done: () => void): void;
    stopServer(done: () => void): void;
    load(nodes: unknown, flow: unknown, credentials?: unknown): Promise<void>;
    setFlows(flow: unknown, type?: string): Promise<void>;
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
