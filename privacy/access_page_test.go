package privacy

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Each thing of a list stands for itself on the page; what somebody wrote stays text.
func TestPageOfACopy(t *testing.T) {
	c := &Copy{MadeAt: time.Unix(0, 0).UTC(), Request: "pr_1", Persons: []string{"p_1"}, Parts: map[string][]Item{
		"identity": {{"identifiers", jsontext.Value(`[{"kind":"email","value":"ann@example.com"},{"kind":"phone","value":"+8613900000000"}]`)}},
		"profile":  {{"trait", jsontext.Value(`{"name":"<b>","value":["red","blue"],"n":10}`)}},
	}}
	for language, says := range map[string]string{"en": "Identifiers", "zh": "标识"} {
		var page strings.Builder
		if err := WritePage(&page, language, c); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			`<div class="name">` + says + `</div><dl><dt>kind</dt><dd>email</dd><dt>value</dt><dd>ann@example.com</dd></dl><dl><dt>kind</dt><dd>phone</dd><dt>value</dt><dd>&#43;8613900000000</dd></dl>`,
			`<dt>n</dt><dd>10</dd><dt>name</dt><dd>&lt;b&gt;</dd><dt>value.1</dt><dd>red</dd><dt>value.2</dt><dd>blue</dd></dl></div>`,
		} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("%s has no %q", page.String(), want)
			}
		}
	}
}
