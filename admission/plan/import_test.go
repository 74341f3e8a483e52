package plan

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/touchstone-cdp/touchstone"
)

func TestFromProtocols(t *testing.T) {
	event := `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","description":"paid","labels":{},"properties":{"traits":{},
		"context":{"properties":{"userAgent":{"not":{"pattern":"bot"}}}},
		"properties":{"type":"object","required":["total"],"properties":{"total":{"type":["number","null"],"description":"","id":"/x"},"coupon":{"type":"string","not":{"const":"x"}},"at":{"format":"iso-week"}}}},"required":["properties"]}`
	want := []Event{
		{Name: "Order Completed", Description: "paid", Schema: `{"type":"object","required":["total"],"properties":{"total":{"type":["number","null"]},"coupon":{"type":"string"},"at":{}}}`},
		{Name: "$identify", Schema: `{"properties":{"email":{"type":"string","format":"email"}}}`},
	}
	leftOut := []string{"Order Completed: what is said about context", "Order Completed → coupon: not", `Order Completed → at: format "iso-week"`}
	traits := `{"properties":{"traits":{"properties":{"email":{"type":"string","format":"email"}}}}}`
	for name, text := range map[string]string{
		"config API": `{"tracking_plan":{"name":"workspaces/a/tracking-plans/rs_1","display_name":"Shop","rules":{"events":[{"name":"Order Completed","version":1,"rules":` + event + `}],"identify":` + traits + `,"group":{},"global":{}}}}`,
		"public API": `{"data":{"trackingPlan":{"id":"tp_1","name":"Shop"},"rules":[{"type":"TRACK","key":"Order Completed","version":1,"jsonSchema":` + event + `},{"type":"IDENTIFY","key":null,"jsonSchema":` + traits + `}]}}`,
	} {
		got, err := FromProtocols([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Name != "Shop" {
			t.Errorf("%s: name %q", name, got.Name)
		}
		if d := gocmp.Diff(want, got.Document.Events); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if d := gocmp.Diff(leftOut, got.LeftOut); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	for _, text := range []string{`[`, `{}`, `{"rules":7}`, `{"rules":[]}`, `{"rules":{"events":"x"}}`} {
		if _, err := FromProtocols([]byte(text)); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestFromSensors(t *testing.T) {
	got, err := FromSensors([][]string{
		{"埋点方案 V1.2"},
		{"事件编号", "\ufeff事件英文变量名", "事件显示名", "触发时机", "属性英文变量名", "属性显示名", "属性值类型", "属性值示例或说明", "是否必填"},
		{"1", "ViewCar", "查看车型", "打开车型页", "series", "车系", "字符串", "秦 PLUS", "是"},
		{"", "", "", "", "price", "指导价", "数值型", "万元", ""},
		{"", "", "", "", "tags", "标签", "列表", "", ""},
		{"", "", "", "", "price", "又一次", "数值", "", ""},
		{"2", "AppOpen", "启动", "", "", "", "", "", ""},
		{"3", "用户属性", "", "", "birthday", "生日", "日期时间", "", ""},
		{"", "", "", "", "level", "等级", "枚举", "", ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{
		{Name: "ViewCar", DisplayName: "查看车型", Description: "打开车型页", Schema: `{"type":"object","required":["series"],"properties":{"series":{"type":"string","title":"车系","description":"秦 PLUS"},"price":{"type":"number","title":"指导价","description":"万元"},"tags":{"type":"array","items":{"type":"string"},"title":"标签"}}}`},
		{Name: "AppOpen", DisplayName: "启动"},
		{Name: "$identify", Schema: `{"type":"object","properties":{"birthday":{"type":"string","title":"生日"},"level":{"title":"等级"}}}`},
	}
	if d := gocmp.Diff(want, got.Document.Events); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff([]string{"ViewCar → price: the second row of the same property", `$identify → level: the type "枚举"`}, got.LeftOut); d != "" {
		t.Error(d)
	}
	for _, rows := range [][][]string{nil, {{"a", "b"}}, {{"事件英文变量名", "属性英文变量名"}, {"", "x"}}, {{"事件英文变量名", "属性英文变量名"}}} {
		if _, err := FromSensors(rows); touchstone.KindOf(err) != touchstone.Invalid {
			t.Errorf("%v: %v", rows, err)
		}
	}
}

func TestWhatIsLeftOutIsBounded(t *testing.T) {
	rows := [][]string{{"事件英文变量名", "属性英文变量名", "属性值类型"}, {"E", "p", "x"}}
	for range 300 {
		rows = append(rows, []string{"", "p", "x"})
	}
	got, err := FromSensors(rows)
	if err != nil || len(got.LeftOut) != maxLeftOut || !strings.Contains(got.LeftOut[0], "the type") {
		t.Fatal(err, len(got.LeftOut))
	}
}
