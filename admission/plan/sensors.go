package plan

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/touchstone-cdp/touchstone"
)

// sensorsColumns are the columns of 神策's tracking plan sheet (埋点方案), with the names that its
// versions and exports give them.
var sensorsColumns = map[string][]string{
	"event":      {"事件英文变量名", "事件变量名", "事件名", "事件英文名"},
	"event name": {"事件显示名", "事件中文名"},
	"when":       {"触发时机", "事件触发时机", "事件说明"},
	"property":   {"属性英文变量名", "事件属性英文变量名", "属性变量名", "属性名", "属性英文名"},
	"name":       {"属性显示名", "事件属性显示名", "属性中文名"},
	"type":       {"属性值类型", "属性类型", "数据类型"},
	"example":    {"属性值示例或说明", "属性值示例", "属性说明", "示例值", "备注"},
	"required":   {"是否必填", "必填", "是否必传"},
}

// sensorsTypes are 神策's types, by the names in its sheets and APIs.
var sensorsTypes = map[string]string{
	"字符串": `"type":"string"`, "string": `"type":"string"`,
	"数值": `"type":"number"`, "number": `"type":"number"`, "int": `"type":"integer"`, "整数": `"type":"integer"`,
	"布尔": `"type":"boolean"`, "布尔值": `"type":"boolean"`, "bool": `"type":"boolean"`, "boolean": `"type":"boolean"`,
	"日期": `"type":"string"`, "日期时间": `"type":"string"`, "时间": `"type":"string"`, "date": `"type":"string"`, "datetime": `"type":"string"`,
	"列表": `"type":"array","items":{"type":"string"}`, "集合": `"type":"array","items":{"type":"string"}`, "list": `"type":"array","items":{"type":"string"}`,
}

// sensorsUser is the pseudo-event of properties of users in such a sheet.
var sensorsUser = []string{"用户属性", "$user", "profile", "用户表"}

// FromSensors reads the rows of 神策's tracking plan sheet. The first row that names the columns of
// event and property is the heading; an event's further rows leave the event's columns empty, as
// merged cells are. 神策's dates are texts without a zone, so they are texts here.
func FromSensors(rows [][]string) (*Imported, error) {
	var columns map[string]int
	out := &Imported{Name: "神策"}
	events := map[string]int{} // place in the document
	var schemas []sensorsSchema
	current := -1
	for i, row := range rows {
		if columns == nil {
			columns = sensorsHeading(row)
			continue
		}
		cell := func(column string) string {
			if at, ok := columns[column]; ok && at < len(row) {
				return strings.TrimSpace(row[at])
			}
			return ""
		}
		if name := cell("event"); name != "" {
			if slices.Contains(sensorsUser, strings.ToLower(name)) {
				name = "$identify"
			}
			at, ok := events[name]
			if !ok {
				at = len(schemas)
				events[name] = at
				schemas = append(schemas, sensorsSchema{seen: map[string]bool{}})
				out.Document.Events = append(out.Document.Events, Event{Name: name, DisplayName: cell("event name"), Description: cell("when")})
			}
			current = at
		}
		property := cell("property")
		switch {
		case property == "" || strings.ContainsAny(property, " ,,、"):
			continue // a heading between, or a remark
		case current < 0:
			return nil, touchstone.Errorf(touchstone.Invalid, "Row %d has the property %.60q before any event.", i+1, property)
		}
		if err := schemas[current].add(out, out.Document.Events[current].Name, property, cell); err != nil {
			return nil, err
		}
	}
	if columns == nil {
		return nil, touchstone.Errorf(touchstone.Invalid, "No row names the columns of event and property.").
			WithHint("The sheet's heading has 事件英文变量名 and 属性英文变量名.")
	}
	for i := range schemas {
		out.Document.Events[i].Schema = schemas[i].text()
	}
	return out, out.finish()
}

func sensorsHeading(row []string) map[string]int {
	columns := map[string]int{}
	for at, cell := range row {
		cell = strings.Trim(strings.TrimSpace(strings.TrimPrefix(cell, "\ufeff")), "*")
		for column, names := range sensorsColumns {
			if _, taken := columns[column]; !taken && slices.Contains(names, cell) {
				columns[column] = at
			}
		}
	}
	_, event := columns["event"]
	if _, property := columns["property"]; !event || !property {
		return nil
	}
	return columns
}

type sensorsSchema struct {
	seen     map[string]bool
	members  []string
	required []string
}

func (s *sensorsSchema) add(x *Imported, event, property string, cell func(string) string) error {
	if s.seen[property] {
		x.leaveOut(event+" → "+property, "the second row of the same property")
		return nil
	}
	s.seen[property] = true
	is, ok := sensorsTypes[strings.ToLower(strings.TrimSuffix(cell("type"), "型"))]
	if !ok && cell("type") != "" {
		x.leaveOut(event+" → "+property, "the type %.40q", cell("type"))
	}
	var parts []string
	if is != "" {
		parts = append(parts, is)
	}
	for _, note := range [...]struct{ keyword, text string }{{"title", cell("name")}, {"description", cell("example")}} {
		if note.text != "" {
			text, err := json.Marshal(note.text)
			if err != nil {
				return err
			}
			parts = append(parts, `"`+note.keyword+`":`+string(text))
		}
	}
	name, err := json.Marshal(property)
	if err != nil {
		return err
	}
	s.members = append(s.members, string(name)+":{"+strings.Join(parts, ",")+"}")
	if slices.Contains([]string{"是", "y", "yes", "true", "1", "必填", "√"}, strings.ToLower(cell("required"))) {
		s.required = append(s.required, string(name))
	}
	return nil
}

func (s *sensorsSchema) text() touchstone.JSON {
	if len(s.members) == 0 {
		return ""
	}
	required := ""
	if len(s.required) > 0 {
		required = `"required":[` + strings.Join(s.required, ",") + `],`
	}
	return touchstone.JSON(`{"type":"object",` + required + `"properties":{` + strings.Join(s.members, ",") + `}}`)
}
