package plan

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	gotypes "go/types"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/touchstone-cdp/touchstone"
)

func TestGenerate(t *testing.T) {
	d, err := Parse([]byte(`{"events":[
		{"name":"Order Paid","description":"Money has come. */","schema":{"required":["amount"],"additionalProperties":false,"properties":{
			"amount":{"type":"number","description":"in yuan"},"status":{"enum":["new","paid",null]},"at":{"type":["string","null"]},
			"items":{"type":"array","items":{"type":"object","required":["sku"],"properties":{"sku":{"type":"string"},"n":{"type":"integer"}}}}}}},
		{"name":"购买"},{"name":"order-paid"},{"name":"$identify","schema":{"properties":{"2nd mail":{"type":"string"}}}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := Generate(d, "typescript", "店 \"A\"", 3)
	if err != nil {
		t.Fatal(err)
	}
	want := `// Code generated from the tracking plan "店 \"A\"", revision 3. DO NOT EDIT.

/** What the functions below call: any client of Segment's interface. */
export interface Tracker {
  track(event: string, properties?: object): unknown;
  identify(traits: object): unknown;
  page(properties?: object): unknown;
  screen(properties?: object): unknown;
  group(traits: object): unknown;
}

/** Money has come. * / */
export type OrderPaid = {
  /** in yuan */
  "amount": number;
  "status"?: "new" | "paid" | null;
  "at"?: string | null;
  "items"?: Array<{
    "sku": string;
    "n"?: number;
    [other: string]: unknown;
  }>;
};

export function trackOrderPaid(tracker: Tracker, properties: OrderPaid): void {
  tracker.track("Order Paid", properties);
}

export type Event购买 = {
  [other: string]: unknown;
};

export function trackEvent购买(tracker: Tracker, properties: Event购买): void {
  tracker.track("购买", properties);
}

export type OrderPaid_2 = {
  [other: string]: unknown;
};

export function trackOrderPaid_2(tracker: Tracker, properties: OrderPaid_2): void {
  tracker.track("order-paid", properties);
}

export type Identify = {
  "2nd mail"?: string;
  [other: string]: unknown;
};

export function trackIdentify(tracker: Tracker, properties: Identify): void {
  tracker.identify(properties);
}
`
	if d := gocmp.Diff(want, string(text)); d != "" {
		t.Error(d)
	}
	text, err = Generate(d, "go", "Shop", 3)
	if err != nil {
		t.Fatal(err)
	}
	typeCheck(t, text)
	for _, part := range []string{"Amount float64 `json:\"amount\"`", "*string `json:\"at,omitempty\"`", "X2ndMail *string `json:\"2nd mail,omitempty\"`", `func (Event购买) EventName() string { return "购买" }`} {
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	if _, err := Generate(d, "cobol", "", 1); touchstone.KindOf(err) != touchstone.Invalid {
		t.Error(err)
	}
}

func TestGeneratedGoCompiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &Document{}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "A", "a b", "1", "😀", "购买", "$page", "func", "Event", "event name", "\"`"}), 1, 5, rapid.ID).Draw(t, "names") {
			members := randomMembers(t, 3)
			members[rapid.StringN(1, 5, -1).Draw(t, "member")] = map[string]any{"type": "string", "description": "a\n// b */"}
			d.Events = append(d.Events, Event{Name: name, Description: "a\nb", Schema: touchstone.JSON(mustJSON(map[string]any{"properties": members}))})
		}
		text, err := Generate(d, "go", "`\n\"", 1)
		if err != nil {
			t.Fatalf("%s: %v", mustJSON(d), err)
		}
		typeCheck(t, text)
	})
}

func typeCheck(t rapid.TB, text []byte) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "events.go", text, parser.ParseComments)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if _, err := (&gotypes.Config{Importer: importer.Default()}).Check("events", set, []*ast.File{file}, nil); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}
