import type { Socket } from 'node:net';
import type { UploadGate } from '../../domain/aggregation.ts';
import type { HttpLimits, HttpSettings } from '../../domain/http.ts';
import type { Durations } from '../durations.ts';
import type { PlainRequest } from './request-head.ts';

export interface FrontDoorDeps {
  gate: UploadGate;
  http: HttpSettings;
  limits: HttpLimits;
  durations: Durations;
}

/** The front door, as a connection that went through it sees it. */
export interface Door {
  /** No request is waited for any more. */
  readonly isClosing: boolean;
  /** A request's head, if the request is for us. @param bytes what came, from the head's first byte on */
  read(bytes: Buffer, localAddress: string | undefined): { request: PlainRequest; rest: Buffer } | null;
  /** Gives a connection to the HTTP server. @param bytes read from it already */
  handOn(socket: Socket, bytes: Buffer): void;
}
