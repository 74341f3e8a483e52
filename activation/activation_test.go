package activation

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/touchstone-cdp/touchstone"
	"github.com/touchstone-cdp/touchstone/keep/keeptest"
	"github.com/touchstone-cdp/touchstone/store"
)

// Each platform's form of an identifier, and its hash.
func TestLines(t *testing.T) {
	const email, phone, mainland = touchstone.KindEmail, touchstone.KindPhone, "13900001111"
	for _, c := range []struct {
		format      Format
		kind        touchstone.IdentifierKind
		value, want string
	}{
		{Google, email, " Jane.Doe@GMail.com ", "email:" + sha("janedoe@gmail.com")},
		{Google, email, "Jane.Doe@example.com", "email:" + sha("jane.doe@example.com")},
		{Google, phone, "+86 139-0000-1111", "phone:" + sha("+8613900001111")},
		{Google, phone, "13900001111", ""}, // of which country?
		{Meta, email, "Jane.Doe@GMail.com", "email:" + sha("jane.doe@gmail.com")},
		{Meta, phone, "+8613900001111", "phone:" + sha("8613900001111")},
		{OceanEngine, phone, "+8613900001111", "phone:" + sha(mainland)},
		{OceanEngine, phone, "+14155550100", ""},
		{Tencent, phone, "+8613900001111", "phone:" + md(mainland)},
		{Tencent, phone, "+86215550100", ""}, // no mobile number
		{Google, email, "nobody", ""},
		{CSV, "user_id", "u,1", "user_id:u,1"},
		{CSV, "user_id", "two\nlines", ""},
	} {
		if got := c.format.Line(c.kind, c.value); got != c.want {
			t.Errorf("%s %s %q: got %s, want %s", c.format, c.kind, c.value, got, c.want)
		}
	}
	// From FIPS 180 and RFC 1321: the hashes are those.
	if sha("abc") != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" || md("abc") != "900150983cd24fb0d6963f7d28e17f72" {
		t.Error("another hash")
	}
}

func TestSheets(t *testing.T) {
	rows := []row{{line: "email:e", person: 1}, {line: "phone:p", person: 2, gone: true}}
	for _, c := range []struct {
		format  Format
		changes bool
		want    string
	}{
		{Google, false, "Email,Phone\ne,\n,p\n"},
		{Meta, true, "action,email,phone\nadd,e,\nremove,,p\n"},
		{Tencent, false, "e\np\n"},
		{CSV, false, "person,kind,value\n" + touchstone.PersonID(1).String() + ",email,e\n" + touchstone.PersonID(2).String() + ",phone,p\n"},
		{JSON, true, fmt.Sprintf("{\"action\":\"add\",\"person\":%q,\"kind\":\"email\",\"value\":\"e\"}\n{\"action\":\"remove\",\"person\":%q,\"kind\":\"phone\",\"value\":\"p\"}\n", touchstone.PersonID(1), touchstone.PersonID(2))},
	} {
		var b bytes.Buffer
		s, err := newSheet(c.format, c.changes, &b)
		for _, r := range rows {
			if err == nil {
				err = s.write(r)
			}
		}
		if err == nil {
			err = s.end()
		}
		if err != nil || b.String() != c.want {
			t.Errorf("%s: %v\n got %q\nwant %q", c.format, err, b.String(), c.want)
		}
	}
}

// Lines follow merges, splits and erasures with the identifiers that they were made of.
func TestKeeper(t *testing.T) {
	keeptest.Exercise(t, func(t testing.TB, w *keeptest.World) keeptest.Feature {
		a, err := Open(context.Background(), Config{DB: w.DB, Clock: w.Clock()})
		if err != nil {
			t.Fatal(err)
		}
		return keeptest.Feature{Keeper: a.Keeper(), React: func(ctx context.Context, tx *store.Tx, b *touchstone.Batch) error {
			for i := range b.Facts {
				f := &b.Facts[i]
				if f.Person == 0 {
					continue
				}
				if err := mark(ctx, tx, "act_1", 1, []marked{{fmt.Sprintf("user_id:%d", f.Node), f.Person, f.Node}}); err != nil {
					return err
				}
			}
			return nil
		}}
	})
}
