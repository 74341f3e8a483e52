package mail

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/touchstone-cdp/touchstone/quality"
)

// language is what mails say. Sentences of alarms have the words of the console.
type language struct {
	subjectOne, subjectMany, closedOne, closedMany string
	intro, closedIntro, more                       string
	since, to, see, why                            string
	colon, comma                                   string
	testSubject, testBody                          string
	titles                                         map[quality.Kind]string
	causes                                         map[quality.Kind]string // {field}, {usual}, {seen}, {types}, {share}
	types                                          map[string]string
	moment                                         string
}

var words = map[string]*language{
	"en": {
		subjectOne: "%s", subjectMany: "%d alarms: %s", closedOne: "As usual again: %s", closedMany: "As usual again: %d alarms of %s",
		intro: "This is not as usual:", closedIntro: "This is as usual again:", more: "And %d more.",
		since: "Since %s (%s)", to: "%s to %s", see: "Look at it: %s", why: "You get this mail because your address stands in the settings of Touchstone.",
		colon: ": ", comma: ", ",
		testSubject: "A test mail", testBody: "This mail is a test: alarms about the quality of data will come this way.\n",
		titles: map[quality.Kind]string{
			quality.Silent: "silent", quality.VolumeDrop: "fewer events", quality.VolumeSurge: "more events", quality.FieldMissing: "{field} is missing",
			quality.TypeChanged: "{field} has another type", quality.ClockOff: "clock is off", quality.Refused: "events are refused", quality.Repeated: "events are repeated",
			quality.Uncovered: "{field} is in no activity of the register",
			quality.TagStale:  "the tag is out of date",
		},
		causes: map[quality.Kind]string{
			quality.Silent:       "Nothing comes any more; {usual} events a minute are usual at this hour.",
			quality.VolumeDrop:   "{seen} events a minute come; {usual} are usual at this hour.",
			quality.VolumeSurge:  "{seen} events a minute come; {usual} are usual at this hour.",
			quality.FieldMissing: "{field} is in {seen} of the events; {usual} are usual.",
			quality.TypeChanged:  "{seen} of the values of {field} are {now}; usually they are {was}.",
			quality.ClockOff:     "The times of {seen} of the events lie more than ten minutes from their receipt; {usual} are usual.",
			quality.Refused:      "{seen} of the events are refused or set aside; {usual} are usual.",
			quality.Repeated:     "{seen} of the events were sent before; {usual} are usual.",
			quality.Uncovered:    "{field} is collected or handed out, and no activity in the register of processing covers it, or it goes abroad without a safeguard.",
			quality.TagStale:     "Its values are {seen} minutes old, {usual} are allowed: {now}.",
		},
		types: map[string]string{"string": "text", "number": "numbers", "boolean": "true or false", "object": "objects", "array": "lists",
			"build_failed": "its rules could not be built", "build_stuck": "its rules are still being built", "job_failed": "the last run failed", "job_slow": "the run has not ended", "job_late": "no run was started",
			"source_silent": "the source is silent", "not_fed": "nobody has written values"},
		moment: "2 Jan 2006, 15:04:05",
	},
	"zh": {
		subjectOne: "%s", subjectMany: "%d 个告警：%s", closedOne: "已恢复正常：%s", closedMany: "已恢复正常：%d 个告警，涉及 %s",
		intro: "以下情况偏离常态：", closedIntro: "以下情况已恢复正常：", more: "另有 %d 条。",
		since: "始于 %s（%s）", to: "%s 至 %s", see: "前往查看：%s", why: "您的邮箱在 Touchstone 的设置中，因此收到此邮件。",
		colon: "：", comma: "、",
		testSubject: "测试邮件", testBody: "这是一封测试邮件：数据质量告警将以此方式送达。\n",
		titles: map[quality.Kind]string{
			quality.Silent: "无数据", quality.VolumeDrop: "数据量下降", quality.VolumeSurge: "数据量激增", quality.FieldMissing: "属性 {field} 缺失",
			quality.TypeChanged: "属性 {field} 类型改变", quality.ClockOff: "时钟偏差", quality.Refused: "事件被拒绝", quality.Repeated: "重复发送",
			quality.Uncovered: "处理活动记录未覆盖 {field}",
			quality.TagStale:  "标签已过期",
		},
		causes: map[quality.Kind]string{
			quality.Silent:       "没有任何事件到达；该时段通常每分钟 {usual} 个。",
			quality.VolumeDrop:   "每分钟到达 {seen} 个事件；该时段通常为 {usual} 个。",
			quality.VolumeSurge:  "每分钟到达 {seen} 个事件；该时段通常为 {usual} 个。",
			quality.FieldMissing: "{seen} 的事件带有 {field}；通常为 {usual}。",
			quality.TypeChanged:  "{field} 的值有 {seen} 为{now}；通常为{was}。",
			quality.ClockOff:     "{seen} 的事件时间与接收时间相差超过十分钟；通常为 {usual}。",
			quality.Refused:      "{seen} 的事件被拒绝或隔离；通常为 {usual}。",
			quality.Repeated:     "{seen} 的事件此前已发送过；通常为 {usual}。",
			quality.Uncovered:    "{field} 被收集或对外提供，但没有处理活动覆盖，或出境没有保障措施。",
			quality.TagStale:     "标签值已有 {seen} 分钟未更新，约定上限为 {usual} 分钟：{now}。",
		},
		types: map[string]string{"string": "文本", "number": "数字", "boolean": "布尔值", "object": "对象", "array": "列表",
			"build_failed": "规则构建失败", "build_stuck": "规则仍在构建", "job_failed": "上次计算任务失败", "job_slow": "计算任务尚未完成", "job_late": "计算任务未启动",
			"source_silent": "来源无数据", "not_fed": "无人写入标签值"},
		moment: "2006-01-02 15:04:05",
	},
}

// write makes subject and body of a mail.
func (m *Mail) write(l *letter, s *Settings, lang string) (subject, body string) {
	w := words[lang]
	one, many, intro := w.subjectOne, w.subjectMany, w.intro
	if l.kind == closed {
		one, many, intro = w.closedOne, w.closedMany, w.closedIntro
	}
	var b strings.Builder
	b.WriteString(intro + "\n")
	var sources []string
	seen := map[string]bool{}
	for i := range l.alarms {
		a := &l.alarms[i]
		name := tame(m.cfg.SourceName(a.Source))
		if a.Kind == quality.TagStale {
			name = tame(a.Event)
		}
		if !seen[name] {
			seen[name] = true
			sources = append(sources, name)
		}
		b.WriteString("\n" + m.title(a, w) + "\n")
		if l.kind == opened {
			b.WriteString("  " + fill(w.causes[a.Kind], a, w) + "\n")
		}
		began := a.BeganAt.In(m.cfg.Zone()).Format(w.moment)
		if a.ClosedAt != nil {
			fmt.Fprintf(&b, "  "+w.to+"\n", began, a.ClosedAt.In(m.cfg.Zone()).Format(w.moment))
		} else {
			fmt.Fprintf(&b, "  "+w.since+"\n", began, m.cfg.Zone().String())
		}
	}
	if l.more > 0 {
		fmt.Fprintf(&b, "\n"+w.more+"\n", l.more)
	}
	where := ""
	if len(sources) == 1 && len(l.alarms) > 0 {
		where = l.alarms[0].Source
	}
	b.WriteString(m.footer(s, w, where))
	switch n := len(l.alarms) + l.more; {
	case n == 1 && len(l.alarms) == 1:
		subject = fmt.Sprintf(one, m.title(&l.alarms[0], w))
	default:
		subject = fmt.Sprintf(many, n, short(strings.Join(sources, w.comma), 120))
	}
	return "[Touchstone] " + subject, b.String()
}

// title is an alarm in a line: "Website, Order Paid: price is missing".
func (m *Mail) title(a *quality.Alarm, w *language) string {
	about := tame(m.cfg.SourceName(a.Source))
	if a.Kind == quality.TagStale { // of no source
		about = tame(a.Event)
	} else if a.Event != "" {
		about += w.comma + tame(a.Event)
	}
	if about != "" { // what is about no source
		about += w.colon
	}
	return about + fill(w.titles[a.Kind], a, w)
}

func (m *Mail) footer(s *Settings, w *language, source string) string {
	text := "\n"
	if s.ConsoleURL != "" {
		link := s.ConsoleURL + "/collect/quality"
		if source != "" {
			link += "?source=" + url.QueryEscape(source)
		}
		text += fmt.Sprintf(w.see, link) + "\n\n"
	}
	return text + w.why + "\n"
}

// fill puts what an alarm says in a sentence.
func fill(sentence string, a *quality.Alarm, w *language) string {
	number := percent
	switch a.Kind {
	case quality.Silent, quality.VolumeDrop, quality.VolumeSurge, quality.TagStale:
		number = rate
	}
	typeOf := func(name string) string {
		if text := w.types[name]; text != "" {
			return text
		}
		return name
	}
	return strings.NewReplacer("{field}", tame(a.Field), "{usual}", number(a.Usual), "{seen}", number(a.Seen), "{now}", typeOf(a.SeenType), "{was}", typeOf(a.UsualType)).Replace(sentence)
}

func percent(share float64) string {
	text := strconv.FormatFloat(share*100, 'f', 1, 64)
	return strings.TrimSuffix(text, ".0") + "%"
}

func rate(perMinute float64) string {
	if perMinute < 10 {
		return strings.TrimSuffix(strconv.FormatFloat(perMinute, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(perMinute, 'f', 0, 64)
}

// tame makes a name that came with an event fit for a line: names are whatever a sender has written.
func tame(name string) string {
	return short(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, name), 80)
}

func short(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}
