/** What an import's guesses are made from, by their English texts. */
const reasons: readonly [RegExp, string][] = [
  [/^by its name$/, "根据列名"],
  [/^the rest$/, "其余列"],
  [/^as you said$/, "手动设置"],
  [/^no value in the first rows$/, "开头各行均无值"],
  [/^the first column of times$/, "第一个时间列"],
  [/^(\d+) of (\d+) values are e-mail addresses$/, "$2 个值中有 $1 个是邮箱地址"],
  [
    /^its name ends like that of an id; no column names people more clearly$/,
    "列名像编号，且没有更明确的用户列",
  ],
  [/^cuts (\d+) of (\d+) lines into (\d+) columns$/, "$2 行中有 $1 行可分为 $3 列"],
  [/^nothing else cuts the lines into columns$/, "其他分隔符均无法分列"],
  [/^the file says so in its first line$/, "文件首行已注明"],
  [/^the file has carriage returns only$/, "文件只含回车符"],
  [/^the file is a JSON array$/, "文件为 JSON 数组"],
  [/^the only list of objects in the file$/, "文件中唯一的对象列表"],
  [/^the objects are written over several lines$/, "对象跨多行书写"],
  [/^the first line looks like data$/, "首行看起来是数据"],
  [/^quotes inside of quotes are written \\"$/, '引号内的引号写作 \\"'],
  [/^guessed from (\d+) of (\d+) values of column (.+)$/, "根据列“$3”的 $2 个值中的 $1 个"],
];
export default reasons;
