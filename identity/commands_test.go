package identity

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/store"
)

// command carries out a command as the pipeline does: at the beginning of a batch, which is
// without facts here.
func (b *bench) command(kind string, body any) (result any, batch *touchstone.Batch, err error) {
	b.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.seq++
	c := touchstone.Command{ID: fmt.Sprint("cmd_", b.seq), Kind: kind, Actor: "usr_1", SubmittedAt: b.now, Body: touchstone.JSON(text), Seq: touchstone.MakeSeq(0, uint64(b.seq), 0)}
	batch = &touchstone.Batch{Now: b.now}
	for _, k := range b.g.Commands() {
		if k.Name != kind {
			continue
		}
		if err := k.Check(c.Body); err != nil {
			return nil, nil, err
		}
		err = b.db.Update(context.Background(), func(tx *store.Tx) error {
			if result, err = k.Do(context.Background(), tx, batch, c); err != nil {
				return err
			}
			return b.g.Apply(context.Background(), tx, batch)
		})
		if err != nil {
			b.g.Rollback()
			return nil, nil, err
		}
		b.g.Committed(batch)
		return result, batch, nil
	}
	b.t.Fatalf("there is no command %s", kind)
	return nil, nil, nil
}
