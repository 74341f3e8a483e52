package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"github.com/touchstone-cdp/touchstone"
)

// roleNames are the names that columns of a role have, without blanks and signs. Those of
// a role come in the order of how sure they are.
var roleNames = []struct {
	role  string
	names []string
}{
	{roleTime, []string{"timestamp", "time", "eventtime", "ts", "datetime", "originaltimestamp", "occurredat", "happenedat", "createdat", "createtime", "createdtime",
		"orderdate", "ordertime", "invoicedate", "purchasedate", "transactiondate", "visitdate", "date", "when", "at", "时间", "日期", "下单时间", "订单时间", "支付时间", "创建时间", "发生时间", "事件时间", "下单日期", "交易时间"}},
	{roleMessage, []string{"messageid", "eventid", "insertid", "eventuuid", "logid", "trackid", "消息id", "事件id"}},
	{roleEvent, []string{"event", "eventname", "eventtype", "action", "activity", "behavior", "behaviour", "behaviortype", "事件", "事件名", "事件名称", "行为", "行为类型", "动作"}},
	{string(touchstone.KindUserID), []string{"userid", "customerid", "memberid", "uid", "user", "customer", "custid", "accountid", "clientid", "buyerid", "visitorid", "personid", "loginid", "member", "客户id", "用户id", "会员id", "用户编号", "客户编号", "会员编号", "会员号", "会员卡号", "用户名", "用户", "客户", "客户号"}},
	{string(touchstone.KindAnonymousID), []string{"anonymousid", "cookieid", "distinctid", "sessionid", "匿名id", "访客id"}},
	{string(touchstone.KindUnionID), []string{"unionid", "wechatunionid"}},
	{string(touchstone.KindOpenID), []string{"openid", "wechatopenid", "微信openid"}},
	{string(touchstone.KindEmail), []string{"email", "mail", "emailaddress", "useremail", "customeremail", "邮箱", "电子邮箱", "邮件"}},
	{string(touchstone.KindPhone), []string{"phone", "phonenumber", "mobile", "mobilephone", "tel", "telephone", "cell", "cellphone", "手机", "手机号", "手机号码", "电话", "联系电话", "电话号码"}},
	{string(touchstone.KindDeviceID), []string{"deviceid", "设备id", "设备号"}},
	{string(touchstone.KindVIN), []string{"vin", "车架号", "车辆识别码"}},
	{string(touchstone.KindPlate), []string{"plate", "licenseplate", "platenumber", "车牌", "车牌号"}},
}

// plainName drops case, blanks and signs.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

func (c *ColumnGuess) roleByName() (role, reason string) {
	name := plainName(c.Name)
	if i := strings.LastIndexByte(c.Name, '.'); i >= 0 { // user.id is a user's id, user.email an email
		if role, reason := roleOf(plainName(c.Name[i+1:])); role != "" {
			return role, reason
		}
	}
	return roleOf(name)
}

func roleOf(name string) (role, reason string) {
	for _, r := range roleNames {
		for _, n := range r.names {
			if n == name {
				return r.role, "by its name"
			}
		}
	}
	return "", ""
}

func (c *ColumnGuess) roleByContent(taken map[string]bool) (role, reason string) {
	most := func(n, of int) bool { return of > 0 && n*10 >= of*9 }
	switch {
	case most(c.seen.emails, c.Filled):
		return string(touchstone.KindEmail), fmt.Sprintf("%d of %d values are e-mail addresses", c.seen.emails, c.Filled)
	case c.Type == string(typeTime) && !taken[roleTime]:
		return roleTime, "the first column of times"
	case plainName(c.Name) == "id" && !taken[string(touchstone.KindUserID)]:
		return string(touchstone.KindUserID), "by its name"
	}
	return "", ""
}

// suits tells whether the contents of a column allow a role.
func (c *ColumnGuess) suits(role string, rows int) bool {
	switch role {
	case roleTime:
		return c.Type == string(typeTime)
	case roleMessage:
		return c.Distinct == c.Filled && c.Filled == rows && c.Type != string(typeTime)
	case roleEvent:
		return c.Type == string(typeString) && c.Distinct <= 200 && c.seen.long == 0
	case string(touchstone.KindEmail):
		return c.seen.emails*10 >= c.Filled*7
	case string(touchstone.KindPhone):
		return c.seen.phones*10 >= c.Distinct*6
	}
	return c.Type == string(typeString) || c.Type == string(typeNumber) || c.seen.whole > 0
}

// roleOrder puts strong identifiers first.
func roleOrder(role string) int {
	for i, r := range roleNames {
		if r.role == role {
			return i
		}
	}
	return len(roleNames)
}

// draft writes the mapping that the guesses amount to.
func (g *Guessed) draft(o GuessOptions) string {
	var b strings.Builder
	line := func(indent int, key, value, reason string) {
		text := strings.Repeat(" ", indent) + key + ":"
		if value != "" {
			text += " " + value
		}
		if reason != "" {
			text = fmt.Sprintf("%-47s # %s", text, oneLine(reason))
		}
		b.WriteString(text + "\n")
	}
	format := g.Format
	for _, guess := range g.Guesses {
		if guess.Key == "format" {
			format = guess.Value
		}
	}
	given := g.givenLines()
	if !given.has("format") {
		line(0, "format", format, "")
	}
	for _, l := range given {
		line(0, l.key, l.value, "as you said")
	}
	for _, guess := range g.Guesses {
		if guess.Key != "format" && !given.has(guess.Key) {
			line(0, guess.Key, guess.Value, guess.Reason)
		}
	}
	for _, c := range g.Columns {
		if decimal, reason := c.seen.numbers.guess(); decimal == ',' && !given.has("decimal") && c.Type == string(typeNumber) && c.Role == roleProperty {
			line(0, "decimal", `","`, "guessed from "+reason+" of column "+c.Name)
			break
		}
	}
	times := g.withRole(func(c *ColumnGuess) bool { return c.Role == roleTime })
	events := g.withRole(func(c *ColumnGuess) bool { return c.Role == roleEvent })
	people := g.withRole((*ColumnGuess).isIdentifier)
	identify := len(events) == 0 && (len(times) == 0 || g.oneRowEach(people) && g.describesPeople())
	if identify {
		line(0, "type", "identify", "a row describes a person; with  type: track  it is something that happened")
	} else {
		g.draftEvent(line, events, o.Name)
	}
	if len(times) > 0 {
		value := "{column: " + yamlText(times[0].Name)
		if times[0].Layout != "" && times[0].Layout != layoutISO8601 {
			value += ", layout: " + yamlText(times[0].Layout)
		}
		if o.Zone != "" && o.Zone != "UTC" {
			value += ", zone: " + yamlText(o.Zone)
		}
		line(0, "time", value+"}", times[0].Reason+ambiguousDay(times[0]))
	} else if !identify {
		line(0, "time", "{constant: "+fileDay(o.File)+"}", "no column holds times: name one, or the day of the file")
	}
	line(0, "identifiers", "", "")
	for _, c := range people {
		line(2, string(c.kind), yamlText(c.Name), c.Reason)
	}
	if len(people) == 0 {
		line(2, string(touchstone.KindUserID), yamlText(g.firstColumn()), "no column looks like a person's: choose one")
	}
	g.draftFields(line, identify, o.Zone)
	if ids := g.withRole(func(c *ColumnGuess) bool { return c.Role == roleMessage }); len(ids) > 0 {
		line(0, "message_id", yamlList([]string{ids[0].Name}), ids[0].Reason+", and every row has another value")
	}
	return b.String()
}

// formatLines are keys of a mapping that were given, in YAML.
type formatLines []struct{ key, value string }

func (l formatLines) has(key string) bool {
	for _, line := range l {
		if line.key == key {
			return true
		}
	}
	return false
}

func (g *Guessed) givenLines() (list formatLines) {
	gjson.ParseBytes(g.given).ForEach(func(key, value gjson.Result) bool {
		list = append(list, struct{ key, value string }{key.String(), value.Raw}) // JSON is YAML, too
		return true
	})
	return list
}

// fileDay is the day on which a file was written.
func fileDay(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "2000-01-01" // it was read a moment ago
	}
	return info.ModTime().UTC().Format(time.DateOnly)
}

// oneLine keeps a reason, which may quote a column's name, within its comment.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

func (g *Guessed) firstColumn() string {
	if len(g.Columns) == 0 {
		return "id"
	}
	return g.Columns[0].Name
}

// ambiguousDay warns where day and month could be the other way round.
func ambiguousDay(c *ColumnGuess) string {
	if _, _, ambiguous := c.seen.layouts.best(); ambiguous && c.Layout != "" {
		return dayFirst
	}
	return ""
}

const dayFirst = "; day before month, though it could be the other way round (1/2/2006)"

func (g *Guessed) draftEvent(line func(int, string, string, string), events []*ColumnGuess, name string) {
	if len(events) > 0 {
		line(0, "event", "{column: "+yamlText(events[0].Name)+"}", events[0].Reason)
		return
	}
	line(0, "event", yamlText(eventOfFile(name)), "from the file's name; or  {column: …}")
}

// eventOfFile makes an event's name of a file's.
func eventOfFile(name string) string {
	name = strings.ToLower(filepath.Base(name))
	for range 3 {
		name = strings.TrimSuffix(name, filepath.Ext(name))
	}
	switch {
	case strings.Contains(name, "order") || strings.Contains(name, "订单"):
		return "Order Completed"
	case strings.Contains(name, "purchase") || strings.Contains(name, "retail") || strings.Contains(name, "sales"):
		return "Product Purchased"
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) })
	for i, w := range words {
		r := []rune(w)
		words[i] = string(unicode.ToUpper(r[0])) + string(r[1:])
	}
	if len(words) == 0 {
		return "Imported"
	}
	return clipTo(strings.Join(words, " "), 60)
}

// oneRowEach tells whether no person has two rows.
func (g *Guessed) oneRowEach(people []*ColumnGuess) bool {
	return len(people) > 0 && g.Rows > 1 && people[0].Distinct == people[0].Filled
}

// describesPeople tells a list of customers from a list of what they did.
func (g *Guessed) describesPeople() bool {
	for _, c := range g.Columns {
		switch plainName(c.Name) {
		case "name", "firstname", "lastname", "fullname", "birthday", "birthdate", "gender", "sex", "姓名", "性别", "生日", "昵称":
			return true
		}
	}
	return false
}

func (g *Guessed) draftFields(line func(int, string, string, string), identify bool, zone string) {
	fields := g.withRole(func(c *ColumnGuess) bool { return c.Role == roleProperty })
	if len(fields) == 0 {
		return
	}
	if identify {
		line(0, "traits", "", "")
	} else {
		line(0, "properties", "", "")
	}
	for _, c := range fields {
		value := yamlText(c.Name)
		text := g.Format == formatCSV
		switch {
		case c.Type == string(typeTime) && c.seen.instants == 0:
			value = "{column: " + value + ", type: time"
			if c.Layout != layoutISO8601 {
				value += ", layout: " + yamlText(c.Layout)
			}
			if zone != "" && zone != "UTC" {
				value += ", zone: " + yamlText(zone)
			}
			value += "}"
		case text && c.Type != string(typeString), c.Type == string(typeNumber) && c.seen.ownNumbers == 0 && c.seen.numbers.numbers > 0:
			value = "{column: " + value + ", type: " + c.Type + "}"
		}
		line(2, yamlText(fieldName(c.Name, text)), value, "")
	}
}

// fieldName makes a column's name that of a field. Dots in a header are part of the name;
// in JSON and Parquet they are steps into an object already.
func fieldName(column string, header bool) string {
	if header {
		return strings.ReplaceAll(column, ".", `\.`)
	}
	return column
}

func yamlList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = yamlText(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
