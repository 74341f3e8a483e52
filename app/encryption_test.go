package app

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/internal/backup"
	"github.com/touchstone-cdp/touchstone/internal/vault"
)

// A copy that dies at any of its steps leaves a folder that no server opens, and the next call makes a whole one.
func TestACopyThatWasCutShort(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	var now atomic.Int64
	now.Store(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC).UnixMilli())
	w := openWhole(t, data, "", &now)
	w.append(dawn(time.UnixMilli(now.Load())))
	until(t, "the event is processed", func() bool { _, err := w.graph.Resolve(t.Context(), "user_id:dawn"); return err == nil })
	w.stop()
	key := filepath.Join(t.TempDir(), "key")
	if _, err := vault.NewKeyFile(key); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "to")
	killed := errors.New("killed")
	steps := 0
	for cut := 0; ; cut++ {
		at := 0
		dead := func() (dead bool) {
			defer func() {
				if x := recover(); x != nil {
					if dead = x == killed; !dead {
						panic(x)
					}
				}
			}()
			done, err := Recrypt(t.Context(), data, "", to, key, func(string) {
				if at++; at == cut+1 && cut < 4 {
					panic(killed)
				}
			})
			if err != nil || done.Records == 0 {
				t.Fatalf("%+v, %v", done, err)
			}
			return false
		}()
		if !dead {
			break
		}
		steps++
		cfg := DefaultConfig()
		cfg.Data, cfg.Listen, cfg.Dev, cfg.MemoryLimit, cfg.Encryption.KeyFile = to+".part", "127.0.0.1:0", true, 0, key
		if a, err := New(context.Background(), cfg, slog.New(slog.DiscardHandler)); err == nil {
			a.close()
			t.Errorf("a server opens what was copied before step %d", cut)
		} else if touchstone.KindOf(err) != touchstone.Conflict || !strings.Contains(err.Error(), "has not finished") {
			t.Errorf("step %d: %v", cut, err)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("step %d: half of a copy has the name of a whole one", cut)
		}
	}
	if steps != 4 {
		t.Errorf("it died at %d steps", steps)
	}
	if err := backup.CheckFinished(to); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(to + ".part"); err == nil {
		t.Error("what was cut short is still there")
	}
}
