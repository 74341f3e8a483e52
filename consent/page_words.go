package consent

// pageWords are the words of the preference page.
type pageWords struct {
	Title, Lead, OtherName, AlwaysText, WaysText, SaveText, NoneText, PrivacyText, SavedText string
	YesText, GenericText, NoText, SinceText, OptOutText, OptInText                           string
	GoneText, NothingText, LaterText, AgainText                                              string
}

var wordsOf = map[string]pageWords{
	"zh": {
		Title: "我的授权与偏好", Lead: "您可以决定我们为哪些目的使用您的信息，随时可以更改，立即生效。", OtherName: "English",
		AlwaysText: "提供服务所必需，无需授权。", WaysText: "也可以按渠道分别选择", SaveText: "保存", NoneText: "全部不同意", PrivacyText: "隐私政策", SavedText: "已保存，立即生效。",
		YesText: "同意", GenericText: "同意，但不根据我的个人特征", NoText: "不同意", SinceText: "您的选择自", OptOutText: "您还没有选择，目前视为同意。", OptInText: "您还没有选择，目前视为不同意。",
		GoneText: "此链接无效或已过期，请索取新的链接。", NothingText: "目前没有需要您选择的内容。", LaterText: "暂时无法打开，请稍后再试。", AgainText: "没有保存成功，请返回后再试一次。",
	},
	"en": {
		Title: "My consent and preferences", Lead: "You decide what we may use your data for. You can change it at any time, and it holds at once.", OtherName: "中文",
		AlwaysText: "Needed to provide the service; you are not asked.", WaysText: "Or choose for each channel", SaveText: "Save", NoneText: "Refuse all", PrivacyText: "Privacy notice", SavedText: "Saved. It holds from now on.",
		YesText: "I agree", GenericText: "I agree, but not by what you know of me", NoText: "I do not agree", SinceText: "Your choice since", OptOutText: "You have not chosen yet; for now it is taken as yes.", OptInText: "You have not chosen yet; for now it is taken as no.",
		GoneText: "This link is not valid, or no longer. Please ask for a new one.", NothingText: "There is nothing to choose at present.", LaterText: "This cannot be shown right now. Please try again later.", AgainText: "It was not saved. Please go back and try again.",
	},
}
