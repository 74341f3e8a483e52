package importer

import (
	"encoding/json"
	"testing"
)

// A mapping that goes through its form as JSON and its text stays the same, whatever its columns are called.
func TestMappingYAML(t *testing.T) {
	for _, document := range []string{
		`{"format":"csv","delimiter":"\t","event":"Order: \"done\" # no","time":{"column":"a: b","layout":"2006-01-02 15:04","zone":"Asia/Shanghai"},` +
			`"identifiers":{"user_id":{"column":"客户","prefix":"c-"},"email":"yes"},"properties":{"x\\.y":"x.y","n":{"column":"- 1","type":"number"},` +
			`"sum":{"type":"number","multiply":["q","p"]},"off":{"constant":"no"}},"message_id":["q","$row"]}`,
		`{"type":"identify","header":false,"columns":["1","{2}","[3]"],"identifiers":{"phone":"1"},"traits":{"a":"{2}"}}`,
	} {
		text, err := MappingYAML([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		m, err := ParseMapping([]byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !sameJSON(m.JSON(), json.RawMessage(document)) {
			t.Errorf("%s\nbecame %s\nover\n%s", document, m.JSON(), text)
		}
	}
	for _, bad := range []string{``, `[]`, `"x"`, `{`} {
		if text, err := MappingYAML([]byte(bad)); err == nil {
			t.Errorf("%s: %s", bad, text)
		}
	}
}
