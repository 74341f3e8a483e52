package sensors

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const now = 1_770_000_000_000

var limits = Limits{Events: 100, EventBytes: 4096}

// translated returns the events of a batch, each compared as what it means.
func translated(t *testing.T, payload string) (*Batch, []map[string]any) {
	t.Helper()
	b, err := Translate([]byte(payload), nil, now, limits)
	if err != nil {
		t.Fatal(err)
	}
	var body struct{ Batch []map[string]any }
	if err := json.Unmarshal(b.Text, &body); err != nil {
		t.Fatalf("%v: %s", err, b.Text)
	}
	return b, body.Batch
}

func TestTranslate(t *testing.T) {
	for name, c := range map[string]struct{ sent, want string }{
		"a visitor's event": {
			`{"type":"track","event":"View","distinct_id":"c1","anonymous_id":"c1","_track_id":7,"time":1769999999000,"_flush_time":1769999999900,"properties":{"price":12.50,"$is_first_day":true}}`,
			`{"type":"track","event":"View","messageId":"?","timestamp":1769999999000,"anonymousId":"c1","properties":{"price":12.5,"$is_first_day":true},"context":{}}`},
		"a member's event, with identities": {
			`{"type":"track","event":"Buy","distinct_id":"u1","login_id":"u1","anonymous_id":"c1","identities":{"$identity_login_id":"u1","$identity_cookie_id":"c1","$identity_mobile":"13800138000","$identity_mp_unionid":"un1","vip_card":"v9","list":["x"]}}`,
			`{"type":"track","event":"Buy","userId":"u1","anonymousId":"c1","context":{"externalIds":[{"type":"user_id","id":"u1"},{"type":"anonymous_id","id":"c1"},{"type":"phone","id":"13800138000"},{"type":"unionid","id":"un1"},{"type":"vip_card","id":"v9"},{"type":"anonymous_id","id":"u1"}]}}`},
		"identities only": {
			`{"type":"track","event":"Buy","distinct_id":"$identity_email+a@x.cn","identities":{"$identity_email":"a@x.cn"}}`,
			`{"type":"track","event":"Buy","context":{"externalIds":[{"type":"email","id":"a@x.cn"}]}}`},
		"a server's event about a member": {
			`{"type":"track","event":"Buy","distinct_id":"u1","properties":{"$is_login_id":true}}`,
			`{"type":"track","event":"Buy","userId":"u1","properties":{"$is_login_id":true},"context":{"externalIds":[{"type":"anonymous_id","id":"u1"}]}}`},
		"a server's event about who knows whom": {
			`{"type":"track","event":"Buy","distinct_id":"u1"}`, `{"type":"track","event":"Buy","anonymousId":"u1","context":{}}`},
		"signing up": {
			`{"type":"track_signup","event":"$SignUp","distinct_id":"u1","original_id":"c1"}`,
			`{"type":"track","event":"$SignUp","userId":"u1","anonymousId":"c1","context":{"externalIds":[{"type":"anonymous_id","id":"u1"}]}}`},
		"binding": {
			`{"type":"track_id_bind","event":"$BindID","distinct_id":"u1","login_id":"u1","anonymous_id":"c1","identities":{"$identity_mobile":"13800138000"}}`,
			`{"type":"track","event":"$BindID","userId":"u1","anonymousId":"c1","context":{"externalIds":[{"type":"phone","id":"13800138000"},{"type":"anonymous_id","id":"u1"}]}}`},
		"unbinding names nobody by what it takes away": {
			`{"type":"track_id_unbind","event":"$UnbindID","distinct_id":"u1","identities":{"$identity_mobile":"13800138000"}}`,
			`{"type":"track","event":"$UnbindID","anonymousId":"u1","context":{"unbind":[{"type":"phone","id":"13800138000"}]}}`},
		"a page": {
			`{"type":"track","event":"$pageview","distinct_id":"c1","lib":{"$lib":"js","$lib_version":"1.27.11"},"properties":{"$url":"https://x.cn/a/b?q=1#z","$title":"车","$referrer":"https://y.cn","$utm_source":"weibo","$screen_width":1280,"$os":"iOS","$ip":"1.2.3.4"}}`,
			`{"type":"page","name":"车","anonymousId":"c1","properties":{"$url":"https://x.cn/a/b?q=1#z","$title":"车","$referrer":"https://y.cn","$utm_source":"weibo","$screen_width":1280,"$os":"iOS","$ip":"1.2.3.4"},
			"context":{"os":{"name":"iOS"},"screen":{"width":1280},"page":{"url":"https://x.cn/a/b?q=1#z","title":"车","referrer":"https://y.cn","path":"/a/b"},"campaign":{"source":"weibo"},"ip":"1.2.3.4","library":{"name":"js","version":"1.27.11"},"platform":"web","channel":"web"}}`},
		"a screen of a mini program": {
			`{"type":"track","event":"$MPViewScreen","distinct_id":"c1","properties":{"$lib":"MiniProgram","$url_path":"pages/a","$scene":"wx-1037"}}`,
			`{"type":"screen","name":"pages/a","anonymousId":"c1","properties":{"$lib":"MiniProgram","$url_path":"pages/a","$scene":"wx-1037"},"context":{"page":{"path":"pages/a"},"scene":"wx-1037","library":{"name":"MiniProgram"},"platform":"mini_program","channel":"mini_program"}}`},
		"an app": {
			`{"type":"track","event":"$AppStart","distinct_id":"d1","lib":{"$lib":"iOS"},"properties":{"$device_id":"D1","$app_version":"3.1","$model":"iPhone15,2","$carrier":"中国移动"}}`,
			`{"type":"track","event":"$AppStart","anonymousId":"d1","properties":{"$device_id":"D1","$app_version":"3.1","$model":"iPhone15,2","$carrier":"中国移动"},"context":{"device":{"id":"D1","model":"iPhone15,2"},"app":{"version":"3.1"},"network":{"carrier":"中国移动"},"library":{"name":"iOS"},"platform":"ios","channel":"app"}}`},
		"a wrong clock is corrected": {
			`{"type":"track","event":"x","distinct_id":"c1","time":1700000000000,"_flush_time":1700000001000}`,
			`{"type":"track","event":"x","anonymousId":"c1","timestamp":1700000000000,"sentAt":1700000001000,"context":{}}`},
		"profile_set": {
			`{"type":"profile_set","distinct_id":"c1","properties":{"name":"王"}}`,
			`{"type":"identify","anonymousId":"c1","traits":{"name":"王"},"context":{}}`},
		"profile_set_once": {
			`{"type":"profile_set_once","distinct_id":"c1","properties":{"a":1}}`,
			`{"type":"identify","anonymousId":"c1","context":{"traitOperations":{"setOnce":{"a":1}}}}`},
		"profile_increment": {
			`{"type":"profile_increment","distinct_id":"c1","properties":{"a":1.5}}`,
			`{"type":"identify","anonymousId":"c1","context":{"traitOperations":{"increment":{"a":1.5}}}}`},
		"profile_append": {
			`{"type":"profile_append","distinct_id":"c1","properties":{"a":["x"]}}`,
			`{"type":"identify","anonymousId":"c1","context":{"traitOperations":{"append":{"a":["x"]}}}}`},
		"profile_unset": {
			`{"type":"profile_unset","distinct_id":"c1","properties":{"a":true,"b\"":null}}`,
			`{"type":"identify","anonymousId":"c1","context":{"traitOperations":{"unset":["a","b\""]}}}`},
		"profile_delete": {
			`{"type":"profile_delete","distinct_id":"c1","properties":{}}`,
			`{"type":"identify","anonymousId":"c1","context":{"traitOperations":{"delete":true}}}`},
		"a project of its own": {
			`{"type":"profile_delete","distinct_id":"c1","project":"p1"}`,
			`{"type":"identify","anonymousId":"c1","context":{"traitOperations":{"delete":true},"project":"p1"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, events := translated(t, c.sent)
			var want map[string]any
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if want["messageId"] == "?" {
				want["messageId"] = events[0]["messageId"]
			}
			if d := gocmp.Diff(want, events[0]); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMessageIDsAreThoseOfTheEvent(t *testing.T) {
	_, events := translated(t, `[{"type":"track","event":"x","distinct_id":"c1","_track_id":7,"time":5},{"type":"track","event":"x","distinct_id":"c1","_track_id":7,"time":5,"_flush_time":9},
		{"type":"track","event":"x","distinct_id":"c2","_track_id":7,"time":5},{"type":"track","event":"x","distinct_id":"c1","_track_id":8,"time":5},{"type":"track","event":"x","distinct_id":"c1","time":5}]`)
	ids := make([]any, len(events))
	for i, e := range events {
		ids[i] = e["messageId"]
	}
	if ids[0] != ids[1] || ids[0] == ids[2] || ids[0] == ids[3] || ids[4] != nil {
		t.Errorf("%v", ids)
	}
}

func TestOneBadEventDoesNotCostTheOthers(t *testing.T) {
	good := `{"type":"track","event":"x","distinct_id":"c1"}`
	for name, c := range map[string]struct{ bad, code string }{
		"not a number":           {`{"type":"track","event":"x","distinct_id":"c1","properties":{"price":NaN}}`, CodeMalformed},
		"not UTF-8":              {"{\"type\":\"track\",\"event\":\"\xff\",\"distinct_id\":\"c1\"}", CodeMalformed},
		"not an object":          {`7`, CodeWrongType},
		"too deep":               {`{"type":"track","properties":{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}`, CodeTooDeep},
		"too large":              {`{"type":"track","event":"` + strings.Repeat("车", 2000) + `"}`, CodeTooLarge},
		"an unknown type":        {`{"type":"profile_swap","distinct_id":"c1"}`, "unknown_type"},
		"no type":                {`{}`, "unknown_type"},
		"adds no number":         {`{"type":"profile_increment","distinct_id":"c1","properties":{"a":"x"}}`, CodeWrongType},
		"appends no list":        {`{"type":"profile_append","distinct_id":"c1","properties":{"a":{}}}`, CodeWrongType},
		"sets a list":            {`{"type":"profile_set","distinct_id":"c1","properties":[]}`, CodeWrongType},
		"an item without an id":  {`{"type":"item_set","item_type":"book"}`, CodeWrongType},
		"an item of a wrong way": {`{"type":"item_swap","item_type":"book","item_id":"1"}`, "unknown_type"},
	} {
		t.Run(name, func(t *testing.T) {
			b, events := translated(t, `[`+good+`,`+c.bad+`,`+good+`]`)
			if len(b.Events) != 3 || len(events) != 3 || b.Events[1].Code != c.code || b.Events[0].Code+b.Events[2].Code != "" {
				t.Fatalf("%+v", b.Events)
			}
			if events[0]["event"] != "x" || events[2]["event"] != "x" || len(events[1]) != 0 {
				t.Errorf("%s", b.Text)
			}
			if want := cut(c.bad, limits.EventBytes); b.Events[1].Sent != want {
				t.Errorf("kept is %q", b.Events[1].Sent)
			}
		})
	}
}

func TestItems(t *testing.T) {
	b, events := translated(t, `[{"type":"item_set","item_type":"book","item_id":"b1","properties":{"price":5},"time":1769999999000},{"type":"item_delete","item_type":"book","item_id":7},{"type":"track","event":"x","distinct_id":"c1"}]`)
	if len(events) != 1 {
		t.Errorf("%s", b.Text)
	}
	want := []*Item{{"book", "b1", `{"price":5}`, 1769999999000}, {"book", "7", "", 0}, nil}
	for i, item := range want {
		if d := gocmp.Diff(item, b.Events[i].Item); d != "" {
			t.Error(d)
		}
	}
}

func TestFields(t *testing.T) {
	plain := `[{"a":"~~?>"}]`
	std, raw := base64.StdEncoding.EncodeToString([]byte(plain)), base64.RawURLEncoding.EncodeToString([]byte(plain))
	for name, c := range map[string]struct{ query, body string }{
		"in the address":            {"project=p&data_list=" + url.QueryEscape(std), ""},
		"in a form":                 {"", "gzip=0&data_list=" + url.QueryEscape(std) + "&crc=1"},
		"not escaped":               {"", "data_list=" + std},
		"a blank was a plus":        {"", "data_list=" + strings.ReplaceAll(std, "+", " ")},
		"the other alphabet":        {"", "data=" + raw},
		"JSON":                      {"project=p", " " + plain},
		"more than one, first wins": {"data_list=" + std, "data_list=!!!"},
		"ext comes last, unread":    {"", "data=" + std + "&ext=crc=-12%"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := ReadFields(c.query, []byte(c.body))
			if err != nil || f.Empty() {
				t.Fatal(err, f)
			}
			got, err := f.Unpack(nil)
			if err != nil || string(got) != plain {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
}

func FuzzTranslate(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `[{"type":"track","event":"x","distinct_id":"c1","properties":{"$url":"https://x/y"},"identities":{"$identity_mobile":"1"}}]`,
		`[{"type":"profile_unset","properties":{"a\"":1}},{"type":"item_set","item_type":"a","item_id":1},NaN,]`, `{"type":"track_id_unbind","identities":{"a":"b"},"distinct_id":"a+b"}`, "[\"\\\xff\"]", `[{"a":"]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := Translate(payload, nil, now, limits)
		if err != nil {
			return
		}
		var body struct{ Batch []json.RawMessage }
		if err := json.Unmarshal(b.Text, &body); err != nil {
			t.Fatalf("%v: %s", err, b.Text)
		}
		events := 0
		for _, e := range b.Events {
			if e.Item == nil {
				events++
			}
		}
		if events != len(body.Batch) {
			t.Fatalf("%d events became %d", events, len(body.Batch))
		}
	})
}
