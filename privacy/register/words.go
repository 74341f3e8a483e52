package register

import (
	"strings"
)

// language is what an export says.
type language struct {
	T    map[string]string
	gaps map[GapKind]string // {name}
}

// columns are those of the table, by their words.
var columns = []string{"name", "description", "purposes", "basis", "basis_note", "people", "data", "other_data", "recipients", "transfers", "retention", "measures", "owner", "review_at", "assessments", "state"}

var words = map[string]*language{
	"en": {T: map[string]string{
		"title": "Register of processing activities", "at": "As of", "controller": "Controller", "contact": "Contact", "representative": "Representative", "officer": "Data protection officer", "joint_with": "Jointly with",
		"name": "Activity", "description": "Description", "purposes": "Purposes", "basis": "Legal basis", "basis_note": "Grounds", "people": "People", "data": "Personal data", "other_data": "Other data",
		"recipients": "Recipients", "transfers": "Transfers abroad", "retention": "Retention", "measures": "Security measures", "owner": "Owner", "review_at": "Review", "assessments": "Impact assessments", "state": "State", "ended": "ended", "version": "Version",
		"automated": "Decisions are made without a person.", "none": "None", "country": "Country", "safeguard": "Safeguard", "unknown": "not said",
		"necessity": "Necessity and lawfulness", "impact": "Effect on people", "risks": "Risks", "risk": "Risk", "likelihood": "Likelihood", "severity": "Severity", "measure": "Measure", "residual": "Remains", "opinion": "Opinion of the officer", "heard": "People heard",
		"decision": "Decision", "valid_until": "Valid until", "approved_by": "Approved by", "draft": "draft", "in_review": "in review", "approved": "approved", "withdrawn": "withdrawn", "due": "expired",
		"proceed": "proceed", "with_measures": "proceed with the measures", "stop": "do not proceed", "gaps": "Not covered", "nogaps": "What is collected and shared is covered.", "found": "since",
		"basis.consent": "Consent", "basis.contract": "Contract", "basis.legal_duty": "Duty of the law", "basis.vital_interests": "Vital interests", "basis.public_task": "Public task", "basis.legitimate_interests": "Legitimate interests",
		"phone": "Phone numbers", "email": "E-mail addresses", "id_card": "ID card numbers", "plate": "Licence plates", "vin": "VINs", "bank_card": "Bank cards", "location": "Locations",
	}, gaps: map[GapKind]string{
		DataGap: "{name} are collected, and no activity covers them.", RecipientGap: "{name} gets data, and no activity covers it.", PurposeGap: "People are asked for the purpose {name}, and no activity has it.",
		CountryGap: "Nobody has said in which country {name} is.", TransferGap: "Data goes abroad to {name} without a safeguard.", AssessmentGap: "{name} needs an impact assessment.", AssessmentDueGap: "The assessment of {name} has expired.",
		ReviewGap: "The review of {name} is due.", RetentionGap: "Nothing says how long data of {name} is kept.", GoneGap: "The register names {name}, which is no more.",
	}},
	"zh": {T: map[string]string{
		"title": "个人信息处理活动记录", "at": "截至", "controller": "处理者", "contact": "联系方式", "representative": "代表", "officer": "个人信息保护负责人", "joint_with": "共同处理者",
		"name": "处理活动", "description": "说明", "purposes": "处理目的", "basis": "合法性基础", "basis_note": "依据", "people": "涉及人员", "data": "个人信息", "other_data": "其他数据",
		"recipients": "接收方", "transfers": "出境", "retention": "保存期限", "measures": "安全措施", "owner": "负责人", "review_at": "复核日期", "assessments": "影响评估", "state": "状态", "ended": "已终止", "version": "版本",
		"automated": "存在自动化决策。", "none": "无", "country": "国家或地区", "safeguard": "保障措施", "unknown": "未说明",
		"necessity": "合法、正当、必要性", "impact": "对个人权益的影响", "risks": "风险", "risk": "风险", "likelihood": "可能性", "severity": "严重性", "measure": "措施", "residual": "剩余风险", "opinion": "负责人意见", "heard": "听取的意见",
		"decision": "结论", "valid_until": "有效期至", "approved_by": "批准人", "draft": "草稿", "in_review": "审核中", "approved": "已批准", "withdrawn": "已撤回", "due": "已过期",
		"proceed": "可以开展", "with_measures": "采取措施后可以开展", "stop": "不得开展", "gaps": "未覆盖的内容", "nogaps": "收集和共享的内容均已覆盖。", "found": "始于",
		"basis.consent": "同意", "basis.contract": "订立或履行合同", "basis.legal_duty": "法定职责或义务", "basis.vital_interests": "紧急情况下保护生命健康", "basis.public_task": "公共利益", "basis.legitimate_interests": "正当利益",
		"phone": "手机号", "email": "邮箱", "id_card": "身份证号", "plate": "车牌号", "vin": "车架号", "bank_card": "银行卡号", "location": "位置",
	}, gaps: map[GapKind]string{
		DataGap: "收集了{name}，但没有任何活动覆盖。", RecipientGap: "{name} 接收数据，但没有任何活动覆盖。", PurposeGap: "征求了目的 {name} 的同意，但没有任何活动使用。",
		CountryGap: "未说明 {name} 所在的国家或地区。", TransferGap: "数据出境至 {name}，但没有保障措施。", AssessmentGap: "{name} 需要影响评估。", AssessmentDueGap: "{name} 的影响评估已过期。",
		ReviewGap: "{name} 已到复核日期。", RetentionGap: "未说明 {name} 的数据保存多久。", GoneGap: "记录中的 {name} 已不存在。",
	}},
}

func (w *language) classes(list []string) []string {
	out := make([]string, len(list))
	for i, c := range list {
		if out[i] = w.T[c]; out[i] == "" {
			out[i] = c
		}
	}
	return out
}

// gapText says what a gap is.
func gapText(w *language) func(g Gap) string {
	return func(g Gap) string {
		name := g.Name
		if g.Kind == DataGap {
			name = w.classes([]string{name})[0]
		}
		return strings.ReplaceAll(w.gaps[g.Kind], "{name}", name)
	}
}
