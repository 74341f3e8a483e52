import { ApiError, api, data, NetworkError } from "@/api/client";
import type { Upload } from "@/api/types";

/** How far a file is, for the bar: bytes on the server's disk, and bytes a second lately. */
export interface UploadProgress {
  sent: number;
  speed: number | null;
  /** The connection is lost; the next try is on its way. */
  waiting: boolean;
}

const largest = 4 << 20;
const smallest = 128 << 10;
/** A part should take about so long: large ones on a fast line, small ones where a lost one hurts. */
const partSeconds = 2;

export function nextPartSize(size: number, seconds: number): number {
  const wanted = (size / Math.max(seconds, 0.01)) * partSeconds;
  return Math.round(Math.min(largest, Math.max(smallest, Math.min(wanted, size * 2))));
}

/** Where an upload goes on after a part was refused: what the server says, else undefined. */
export function offsetAfter(error: unknown): "ask" | "wait" | "fail" {
  if (error instanceof NetworkError) return "wait";
  if (!(error instanceof ApiError)) return "fail";
  if (error.status === 409) return "ask";
  return error.status >= 500 || error.status === 429 || error.status === 408 ? "wait" : "fail";
}

/**
 * By what the server knows a file again: its beginning, its end and its time of change. Not a digest of the standard:
 * `crypto.subtle` is missing on plain http, and this only has to tell one person's files apart.
 */
export async function headOf(file: File): Promise<string> {
  const ends = await Promise.all([
    file.slice(0, 64 << 10).arrayBuffer(),
    file.slice(Math.max(0, file.size - (64 << 10))).arrayBuffer(),
  ]);
  let a = 0xdeadbeef ^ file.size;
  let b = 0x41c6ce57;
  for (const part of ends) {
    for (const byte of new Uint8Array(part)) {
      a = Math.imul(a ^ byte, 2654435761);
      b = Math.imul(b ^ byte, 1597334677);
    }
  }
  const hex = (n: number) => (n >>> 0).toString(16).padStart(8, "0");
  return `${hex(a)}${hex(b)}-${file.lastModified}`;
}

const rest = (ms: number, signal: AbortSignal) =>
  new Promise<void>((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
    // The line is back: no need to wait out the pause.
    window.addEventListener("online", () => done(), { once: true });
  });

/**
 * Sends a file from where the server has it. A lost connection, a server that restarts or another tab cost one part;
 * it ends when everything is there, when the signal says so, or at an error that no repetition mends.
 */
export async function sendFile(
  file: File,
  upload: Upload,
  signal: AbortSignal,
  onProgress: (p: UploadProgress) => void,
): Promise<Upload> {
  let now = upload;
  let size = 1 << 20;
  let pause = 500;
  let speed: number | null = null;
  const path = { id: upload.id };
  while (!now.finished_at) {
    signal.throwIfAborted();
    const part = file.slice(now.offset, now.offset + size);
    const began = performance.now();
    try {
      now = await data(
        api.PATCH("/api/v1/uploads/{id}", {
          params: { path, query: { offset: now.offset } },
          // The schema says text for bytes.
          body: part as unknown as string,
          headers: { "Content-Type": "application/octet-stream" },
          signal,
        }),
      );
      const seconds = (performance.now() - began) / 1000;
      const rate = part.size / Math.max(seconds, 0.001);
      speed = speed === null ? rate : speed * 0.7 + rate * 0.3;
      size = nextPartSize(part.size, seconds);
      pause = 500;
      onProgress({ sent: now.offset, speed, waiting: false });
    } catch (error) {
      signal.throwIfAborted();
      const what = offsetAfter(error);
      if (what === "fail") throw error;
      if (what === "wait") {
        onProgress({ sent: now.offset, speed: null, waiting: true });
        await rest(pause, signal);
        pause = Math.min(pause * 2, 15_000);
        size = Math.max(smallest, size / 4);
      }
      // The answer to a part may be what was lost.
      const asked = await data(api.GET("/api/v1/uploads/{id}", { params: { path }, signal })).catch((e) => {
        if (offsetAfter(e) === "fail") throw e;
        return now;
      });
      now = asked;
    }
  }
  return now;
}
