#include "vfs.h"
#include <stdlib.h>
#include <string.h>
#include "_cgo_export.h"

enum { OK = 0, IOERR_NOMEM = 10 | (12 << 8), IOERR_SHORT_READ = 10 | (2 << 8), IOERR_READ = 10 | (1 << 8) };
enum { OPEN_MAIN_DB = 0x100, OPEN_WAL = 0x80000 };
enum { FCNTL_SIZE_HINT = 5, FCNTL_CHUNK_SIZE = 6, FCNTL_MMAP_SIZE = 18 };
enum { IOCAP_POWERSAFE_OVERWRITE = 0x1000, IOCAP_UNDELETABLE = 0x800, IOCAP_IMMUTABLE = 0x2000 };

typedef struct {
	sqlite3_vfs base;
	sqlite3_vfs *under;
	int cipher;
} Vfs;

typedef struct {
	sqlite3_file base;
	int cipher, kind;
	int page;           // of a WAL file, 0 until it is known
	sqlite3_int64 size; // of a file of another kind, which is stored padded to 16 bytes
	unsigned char *buf;
	int room;
} File;

static sqlite3_file *under(sqlite3_file *f) { return (sqlite3_file *)((File *)f + 1); }
#define METHODS(f) (under(f)->pMethods)

static unsigned char *buffer(File *f, int n) {
	if (f->room < n) {
		unsigned char *grown = realloc(f->buf, n);
		if (!grown) return 0;
		f->buf = grown;
		f->room = n;
	}
	return f->buf;
}

static int sizeOf(sqlite3_file *file, sqlite3_int64 *size) {
	File *f = (File *)file;
	if (f->kind == KIND_OTHER) {
		*size = f->size;
		return OK;
	}
	return METHODS(file)->xFileSize(under(file), size);
}

// learnPage finds the size of a WAL's pages in its header.
static int learnPage(sqlite3_file *file) {
	File *f = (File *)file;
	unsigned char h[12];
	if (f->kind != KIND_WAL || f->page) return OK;
	int rc = METHODS(file)->xRead(under(file), h, 12, 0);
	if (rc == OK) f->page = h[8] << 24 | h[9] << 16 | h[10] << 8 | h[11];
	return rc;
}

// readWhole reads the whole sectors from..to and opens them; what is behind the end is zero.
static int readWhole(sqlite3_file *file, unsigned char *b, sqlite3_int64 from, sqlite3_int64 to) {
	File *f = (File *)file;
	sqlite3_int64 stored;
	int rc = METHODS(file)->xFileSize(under(file), &stored);
	if (rc != OK) return rc;
	int n = (int)(to - from), there = stored <= from ? 0 : stored < to ? (int)(stored - from) : n;
	if (there > 0 && (rc = METHODS(file)->xRead(under(file), b, there, from)) != OK) return rc == IOERR_SHORT_READ ? IOERR_READ : rc;
	memset(b + there, 0, n - there);
	touchstone_sealed_crypt(f->cipher, f->kind, f->page, from, b, there, 0);
	return OK;
}

static int xRead(sqlite3_file *file, void *to, int n, sqlite3_int64 at) {
	File *f = (File *)file;
	sqlite3_int64 size, from, end;
	int rc = sizeOf(file, &size);
	if (rc != OK) return rc;
	if (at >= size) {
		memset(to, 0, n);
		return IOERR_SHORT_READ;
	}
	if (f->kind == KIND_WAL && at < 32) { // the header is as it is; no read goes beyond it
		return METHODS(file)->xRead(under(file), to, n, at);
	}
	if ((rc = learnPage(file)) != OK) return rc;
	if (touchstone_sealed_widen(f->kind, f->page, at, at + n, &from, &end)) return IOERR_READ;
	if (from == at && end == at + n && end <= size) {
		rc = readWhole(file, to, from, end);
	} else {
		unsigned char *b = buffer(f, (int)(end - from));
		if (!b) return IOERR_NOMEM;
		if ((rc = readWhole(file, b, from, end)) == OK) memcpy(to, b + (at - from), n);
	}
	if (rc == OK && at + n > size) {
		memset((char *)to + (size - at), 0, (size_t)(at + n - size));
		return IOERR_SHORT_READ;
	}
	return rc;
}

static int xWrite(sqlite3_file *file, const void *src, int n, sqlite3_int64 at) {
	File *f = (File *)file;
	sqlite3_int64 from, end, size = 0;
	int rc;
	if (f->kind == KIND_WAL && at < 32) {
		const unsigned char *h = src;
		if (at == 0 && n >= 12) f->page = h[8] << 24 | h[9] << 16 | h[10] << 8 | h[11];
		return METHODS(file)->xWrite(under(file), src, n, at);
	}
	if ((rc = learnPage(file)) != OK) return rc;
	if (touchstone_sealed_widen(f->kind, f->page, at, at + n, &from, &end)) return IOERR_READ;
	unsigned char *b = buffer(f, (int)(end - from));
	if (!b) return IOERR_NOMEM;
	int whole = from == at && end == at + n;
	if (!whole && (rc = readWhole(file, b, from, end)) != OK) return rc;
	memcpy(b + (at - from), src, n);
	if (f->kind == KIND_OTHER) { // no more than there is, in whole blocks of the cipher
		size = f->size > at + n ? f->size : at + n;
		sqlite3_int64 padded = (size + 15) & ~(sqlite3_int64)15;
		if (end > padded) end = padded;
	}
	touchstone_sealed_crypt(f->cipher, f->kind, f->page, from, b, (int)(end - from), 1);
	rc = METHODS(file)->xWrite(under(file), b, (int)(end - from), from);
	if (rc == OK && f->kind == KIND_OTHER) f->size = size;
	return rc;
}

static int xTruncate(sqlite3_file *file, sqlite3_int64 size) {
	File *f = (File *)file;
	if (f->kind != KIND_OTHER) return METHODS(file)->xTruncate(under(file), size);
	int rc = METHODS(file)->xTruncate(under(file), (size + 15) & ~(sqlite3_int64)15);
	if (rc == OK) f->size = size;
	return rc;
}

static int xClose(sqlite3_file *file) {
	File *f = (File *)file;
	free(f->buf);
	f->buf = 0;
	f->room = 0;
	return METHODS(file)->xClose(under(file));
}

static int xFileControl(sqlite3_file *file, int op, void *arg) {
	if (op == FCNTL_MMAP_SIZE) { // a page that is mapped would be read as it is stored
		*(sqlite3_int64 *)arg = 0;
		return OK;
	}
	if ((op == FCNTL_SIZE_HINT || op == FCNTL_CHUNK_SIZE) && ((File *)file)->kind == KIND_OTHER) return OK;
	return METHODS(file)->xFileControl(under(file), op, arg);
}

static int xDeviceCharacteristics(sqlite3_file *file) { // without promises that hold for what is stored only
	return METHODS(file)->xDeviceCharacteristics(under(file)) & (IOCAP_POWERSAFE_OVERWRITE | IOCAP_UNDELETABLE | IOCAP_IMMUTABLE);
}

static int xSync(sqlite3_file *f, int flags) { return METHODS(f)->xSync(under(f), flags); }
static int xLock(sqlite3_file *f, int l) { return METHODS(f)->xLock(under(f), l); }
static int xUnlock(sqlite3_file *f, int l) { return METHODS(f)->xUnlock(under(f), l); }
static int xCheckReservedLock(sqlite3_file *f, int *out) { return METHODS(f)->xCheckReservedLock(under(f), out); }
static int xSectorSize(sqlite3_file *f) { return METHODS(f)->xSectorSize(under(f)); }
static int xShmMap(sqlite3_file *f, int a, int b, int c, void volatile **p) { return METHODS(f)->xShmMap(under(f), a, b, c, p); }
static int xShmLock(sqlite3_file *f, int a, int b, int c) { return METHODS(f)->xShmLock(under(f), a, b, c); }
static void xShmBarrier(sqlite3_file *f) { METHODS(f)->xShmBarrier(under(f)); }
static int xShmUnmap(sqlite3_file *f, int d) { return METHODS(f)->xShmUnmap(under(f), d); }

// The second version of the methods: with shared memory, without mapped pages.
static const sqlite3_io_methods methods = {
	2, xClose, xRead, xWrite, xTruncate, xSync, sizeOf, xLock, xUnlock, xCheckReservedLock, xFileControl, xSectorSize,
	xDeviceCharacteristics, xShmMap, xShmLock, xShmBarrier, xShmUnmap,
};

static int xOpen(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
	Vfs *v = (Vfs *)vfs;
	File *f = (File *)file;
	memset(f, 0, sizeof *f);
	memset(under(file), 0, sizeof(sqlite3_file));
	int rc = v->under->xOpen(v->under, name, under(file), flags, out);
	if (rc != OK) {
		if (under(file)->pMethods) under(file)->pMethods->xClose(under(file));
		return rc;
	}
	f->cipher = v->cipher;
	f->kind = flags & OPEN_MAIN_DB ? KIND_DATABASE : flags & OPEN_WAL ? KIND_WAL : KIND_OTHER;
	f->base.pMethods = &methods;
	if (f->kind == KIND_OTHER && (rc = METHODS(file)->xFileSize(under(file), &f->size)) != OK) {
		xClose(file);
		f->base.pMethods = 0;
	}
	return rc;
}

int touchstone_sealed_register(const char *name, int cipher) {
	if (!sqlite3_vfs_register || !sqlite3_vfs_find || !sqlite3_initialize) return -1;
	int rc = sqlite3_initialize();
	if (rc != OK) return rc;
	sqlite3_vfs *system = sqlite3_vfs_find(0);
	Vfs *v = calloc(1, sizeof *v);
	if (!system || !v) return -1;
	v->base = *system;
	v->base.pNext = 0;
	v->base.zName = name;
	v->base.szOsFile = (int)sizeof(File) + system->szOsFile;
	v->base.xOpen = xOpen;
	v->under = system;
	v->cipher = cipher;
	return sqlite3_vfs_register(&v->base, 0);
}
