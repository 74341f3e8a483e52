// Package ruletest holds the cases on which every engine that compares values by the rule
// language must agree: the matcher in memory and the SQL of the warehouse.
package ruletest

import "strings"

// Case compares a property called "p" of an event.
type Case struct {
	Properties string // the event's properties
	Op         string
	Value      string // JSON; empty for exists and not_exists
	Want       bool
}

// Filter returns the case's condition as JSON.
func (c Case) Filter() string {
	if c.Value == "" {
		return `{"property":"p","op":"` + c.Op + `"}`
	}
	return `{"property":"p","op":"` + c.Op + `","value":` + c.Value + `}`
}

// Cases are the agreed cases.
var Cases = []Case{
	// A number compares with numbers and numeric strings.
	{`{"p":5}`, "eq", `5`, true},
	{`{"p":5.0}`, "eq", `5`, true},
	{`{"p":"5"}`, "eq", `5`, true},
	{`{"p":"5.00"}`, "eq", `5`, true},
	{`{"p":"-1.5e1"}`, "eq", `-15`, true},
	{`{"p":"5 km"}`, "eq", `5`, false},
	{`{"p":""}`, "eq", `0`, false},
	{`{"p":true}`, "eq", `1`, false},
	{`{"p":"inf"}`, "gt", `5`, false},
	{`{"p":"nan"}`, "gt", `5`, false},
	{`{"p":"0x10"}`, "eq", `16`, false},
	{`{"p":[5]}`, "eq", `5`, false},
	{`{"p":9}`, "gt", `10`, false},
	{`{"p":"9"}`, "gt", `10`, false},
	{`{"p":10}`, "gt", `10`, false},
	{`{"p":10}`, "gte", `10`, true},
	{`{"p":"abc"}`, "gte", `10`, false},
	{`{"p":"abc"}`, "lt", `10`, false},
	{`{"p":9.99}`, "lt", `10`, true},
	{`{"p":10}`, "lte", `10`, true},
	{`{"p":1e3}`, "eq", `1000`, true},
	{`{"p":5}`, "neq", `5`, false},
	{`{"p":6}`, "neq", `5`, true},
	{`{"p":"abc"}`, "neq", `5`, true},

	// A text compares with the value's text, byte by byte.
	{`{"p":"上海"}`, "eq", `"上海"`, true},
	{`{"p":"上海 "}`, "eq", `"上海"`, false},
	{`{"p":"a"}`, "eq", `"A"`, false},
	{`{"p":5}`, "eq", `"5"`, true},
	{`{"p":5}`, "eq", `"5.0"`, false},
	{`{"p":true}`, "eq", `"true"`, true},
	{`{"p":"2026-01-02"}`, "gt", `"2026-01-01"`, true},
	{`{"p":"9"}`, "gt", `"10"`, true},
	{`{"p":"a\"b\\c"}`, "eq", `"a\"b\\c"`, true},
	{`{"p":"caf\u00e9"}`, "eq", `"café"`, true},
	{`{"p":"b"}`, "gte", `"b"`, true},
	{`{"p":"B"}`, "lt", `"a"`, true},
	{`{"p":"b"}`, "lte", `"a"`, false},
	{`{"p":"model-3"}`, "contains", `"del"`, true},
	{`{"p":"model-3"}`, "contains", `"%"`, false},
	{`{"p":"model_3"}`, "contains", `"l_3"`, true},
	{`{"p":"modelx3"}`, "contains", `"l_3"`, false},
	{`{"p":12345}`, "contains", `"234"`, true},
	{`{"p":"model-3"}`, "starts_with", `"model"`, true},
	{`{"p":"model-3"}`, "starts_with", `"odel"`, false},
	{`{"p":"50% off"}`, "starts_with", `"50%"`, true},
	{`{"p":"501"}`, "starts_with", `"50%"`, false},

	// A boolean matches the same boolean.
	{`{"p":true}`, "eq", `true`, true},
	{`{"p":false}`, "eq", `true`, false},
	{`{"p":"true"}`, "eq", `true`, false},
	{`{"p":1}`, "eq", `true`, false},
	{`{"p":false}`, "neq", `true`, true},
	{`{"p":"true"}`, "neq", `true`, true},

	// Lists.
	{`{"p":"b"}`, "in", `["a","b"]`, true},
	{`{"p":"c"}`, "in", `["a","b"]`, false},
	{`{"p":"2"}`, "in", `[1,2]`, true},
	{`{"p":2}`, "in", `["1","2"]`, true},
	{`{"p":2}`, "in", `[1,"x",2.0]`, true},
	{`{"p":"c"}`, "not_in", `["a","b"]`, true},
	{`{"p":"b"}`, "not_in", `["a","b"]`, false},
	{`{"p":"k"}`, "in", `["a","b","c","d","e","f","g","h","i","j","k"]`, true},
	{`{"p":"11"}`, "in", `[1,2,3,4,5,6,7,8,9,10,11]`, true},
	{`{"p":12}`, "in", `[1,2,3,4,5,6,7,8,9,10,11]`, false},
	{`{"p":true}`, "in", `[1,2,3,4,5,6,7,8,9,10,true]`, true},
	{`{"p":"true"}`, "in", `[1,2,3,4,5,6,7,8,9,10,true]`, false},

	// Missing and null.
	{`{}`, "eq", `"a"`, false},
	{`{}`, "neq", `"a"`, true},
	{`{}`, "not_in", `["a"]`, true},
	{`{}`, "in", `["a"]`, false},
	{`{}`, "lt", `5`, false},
	{`{}`, "contains", `""`, false},
	{`{}`, "exists", ``, false},
	{`{}`, "not_exists", ``, true},
	{``, "not_exists", ``, true},
	{``, "neq", `"a"`, true},
	{`{"p":null}`, "exists", ``, false},
	{`{"p":null}`, "not_exists", ``, true},
	{`{"p":null}`, "neq", `"a"`, true},
	{`{"p":null}`, "eq", `"null"`, false},
	{`{"p":""}`, "exists", ``, true},
	{`{"p":false}`, "exists", ``, true},
	{`{"p":""}`, "eq", `""`, true},
	{`{"q":{"p":5}}`, "exists", ``, false},

	// The rest of texts.
	{`{"p":"model-3"}`, "ends_with", `"-3"`, true},
	{`{"p":"model-3"}`, "ends_with", `"-"`, false},
	{`{"p":"3"}`, "ends_with", `"-3"`, false},
	{`{"p":"上海市"}`, "ends_with", `"市"`, true},
	{`{"p":123}`, "ends_with", `"23"`, true},
	{`{}`, "ends_with", `""`, false},
	{`{"p":"model-3"}`, "not_contains", `"del"`, false},
	{`{"p":"model-3"}`, "not_contains", `"x"`, true},
	{`{}`, "not_contains", `"x"`, true},
	{`{"p":null}`, "not_contains", `""`, true},

	// Regular expressions.
	{`{"p":"model-3"}`, "matches", `"el-[0-9]"`, true},
	{`{"p":"model-3"}`, "matches", `"^el"`, false},
	{`{"p":"model-3"}`, "matches", `"^model-\\d$"`, true},
	{`{"p":"MODEL"}`, "matches", `"(?i)^model$"`, true},
	{`{"p":"Straße"}`, "matches", `"(?i)STRASSE"`, false},
	{`{"p":"ſ"}`, "matches", `"(?i)S"`, true},
	{`{"p":"上海"}`, "matches", `"^\\p{Han}{2}$"`, true},
	{`{"p":"a\nb"}`, "matches", `"a.b"`, false},
	{`{"p":"a\nb"}`, "matches", `"(?s)a.b"`, true},
	{`{"p":"a\nb"}`, "matches", `"^b"`, false},
	{`{"p":"a\nb"}`, "matches", `"(?m)^b"`, true},
	{`{"p":"b\n"}`, "matches", `"b$"`, false},
	{`{"p":"é"}`, "matches", `"^\\w$"`, false},
	{`{"p":"a\u00a0b"}`, "matches", `"a\\sb"`, false},
	{`{"p":"naïve x"}`, "matches", `"na\\b"`, true},
	{`{"p":12345}`, "matches", `"^1.*5$"`, true},
	{`{"p":true}`, "matches", `"^true$"`, true},
	{`{"p":""}`, "matches", `""`, true},
	{`{}`, "matches", `""`, false},
	{`{"p":"model-3"}`, "not_matches", `"^el"`, true},
	{`{"p":"model-3"}`, "not_matches", `"el"`, false},
	{`{}`, "not_matches", `"el"`, true},
	{`{"p":"` + strings.Repeat("上", 4096) + `"}`, "matches", `"上"`, true},
	{`{"p":"` + strings.Repeat("上", 4097) + `"}`, "matches", `"上"`, false},

	// Lists in the value.
	{`{"p":["a","b"]}`, "has_any", `["b","c"]`, true},
	{`{"p":["a","b"]}`, "has_any", `["c"]`, false},
	{`{"p":["a","b"]}`, "has_all", `["b","a"]`, true},
	{`{"p":["a","b"]}`, "has_all", `["b","c"]`, false},
	{`{"p":["a","b"]}`, "has_none", `["c"]`, true},
	{`{"p":["a","b"]}`, "has_none", `["c","a"]`, false},
	{`{"p":"a"}`, "has_any", `["a"]`, true},
	{`{"p":"a"}`, "has_all", `["a","b"]`, false},
	{`{"p":[]}`, "has_any", `["a"]`, false},
	{`{"p":[]}`, "has_none", `["a"]`, true},
	{`{"p":[]}`, "has_all", `["a"]`, false},
	{`{"p":[1,"2",3.0]}`, "has_all", `[1,2,3]`, true},
	{`{"p":[1,"2"]}`, "has_any", `["1"]`, true},
	{`{"p":[1,"x",true]}`, "has_all", `["x",true,1]`, true},
	{`{"p":["true"]}`, "has_any", `[true]`, false},
	{`{"p":[null]}`, "has_any", `["null"]`, false},
	{`{"p":[null,"a"]}`, "has_all", `["a"]`, true},
	{`{"p":[["a"]]}`, "has_any", `["a"]`, false},
	{`{"p":[["a"]]}`, "has_any", `["[\"a\"]"]`, true},
	{`{"p":{"a":1}}`, "has_any", `["a"]`, false},
	{`{"p":[5]}`, "has_any", `[1,2,3,4,5,6,7,8,9,10]`, true},
	{`{}`, "has_any", `["a"]`, false},
	{`{}`, "has_all", `["a"]`, false},
	{`{}`, "has_none", `["a"]`, true},
	{`{"p":null}`, "has_none", `["a"]`, true},

	// Versions.
	{`{"p":"2.10"}`, "version_gt", `"2.9"`, true},
	{`{"p":"2.9"}`, "version_gt", `"2.10"`, false},
	{`{"p":"2.10"}`, "version_eq", `"2.10.0"`, true},
	{`{"p":"v2.10"}`, "version_gte", `"2.10"`, true},
	{`{"p":"2.10-beta.3"}`, "version_eq", `"2.10"`, true},
	{`{"p":"2.10.1 (441)"}`, "version_lte", `"2.10.1"`, true},
	{`{"p":"2.10.1\nx"}`, "version_eq", `"2.10.1"`, true},
	{`{"p":2.1}`, "version_lt", `"2.9"`, true},
	{`{"p":17}`, "version_eq", `"17"`, true},
	{`{"p":"1.2.3.4.5.6.7.8"}`, "version_lt", `"1.2.3.4.5.6.7.9"`, true},
	{`{"p":"1.2.3.4.5.6.7.8.9"}`, "version_gt", `"0"`, false},
	{`{"p":"1234567890"}`, "version_gt", `"0"`, false},
	{`{"p":"1."}`, "version_eq", `"1"`, false},
	{`{"p":"latest"}`, "version_lt", `"99"`, false},
	{`{}`, "version_lt", `"99"`, false},

	// Places: Shanghai's People's Square, and what is 1.11 km north of it.
	{`{"p":{"lat":31.2304,"lng":121.4737}}`, "near", `{"lat":31.2304,"lng":121.4737,"km":0.001}`, true},
	{`{"p":{"lat":31.2404,"lng":121.4737}}`, "near", `{"lat":31.2304,"lng":121.4737,"km":1.12}`, true},
	{`{"p":{"lat":31.2404,"lng":121.4737}}`, "near", `{"lat":31.2304,"lng":121.4737,"km":1.11}`, false},
	{`{"p":{"lat":31.2304,"lon":"121.4837"}}`, "near", `{"lat":31.2304,"lng":121.4737,"km":1}`, true},
	{`{"p":"31.2304, 121.4837"}`, "near", `{"lat":31.2304,"lng":121.4737,"km":1}`, true},
	{`{"p":"31.2304,121.4837"}`, "near", `{"lat":31.2304,"lng":121.4737,"km":0.9}`, false},
	{`{"p":{"lat":0,"lng":179.9}}`, "near", `{"lat":0,"lng":-179.9,"km":23}`, true},
	{`{"p":{"lat":-90,"lng":0}}`, "near", `{"lat":90,"lng":0,"km":20038}`, true},
	{`{"p":{"lat":31}}`, "near", `{"lat":31,"lng":121,"km":20038}`, false},
	{`{"p":{"lat":91,"lng":121}}`, "near", `{"lat":31,"lng":121,"km":20038}`, false},
	{`{"p":"Shanghai"}`, "near", `{"lat":31,"lng":121,"km":20038}`, false},
	{`{"p":[31,121]}`, "near", `{"lat":31,"lng":121,"km":20038}`, false},
	{`{}`, "near", `{"lat":31,"lng":121,"km":20038}`, false},
}

// KeyCases have property names that a path language could misread. Each looks for the
// value 1 under Property, which Properties has.
var KeyCases = []struct{ Property, Properties string }{
	{"a.b", `{"a":{"b":2},"a.b":1}`},
	{"a b", `{"a b":1}`},
	{"$price", `{"price":2,"$price":1}`},
	{"价格", `{"价格":1}`},
	{"a*", `{"ab":2,"a*":1}`},
	{"#", `{"#":1}`},
	{"@this", `{"@this":1}`},
	{`a\"b`, `{"a\\\"b":1}`},
	{"a'b", `{"a'b":1}`},
	{"a|b", `{"a|b":1}`},
	{"0", `{"0":1}`},
	{"[0]", `{"[0]":1}`},
	{"caf\u00e9", `{"caf\u00e9":1}`},
}
