export { TestChorus, type TestChorusOptions, TestClient, vector } from './test-chorus.ts';
