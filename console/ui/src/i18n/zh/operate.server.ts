import type { Messages } from "../messages";

export const operate: Messages = {
  "A backup is a copy of the data folder, but another process holds the warehouse.":
    "备份是数据文件夹的副本，但仓库由另一个进程持有。",
  "A backup is a copy of the data folder, but the log is in a NATS server.":
    "备份只复制数据目录，而事件日志存放在 NATS 服务器中。",
  "A backup is a copy of the data folder, but the store is in PostgreSQL and the log in a NATS server.":
    "备份只复制数据目录，而状态库存放在 PostgreSQL、事件日志存放在 NATS 服务器中。",
  "A backup is a copy of the data folder, but the store is in PostgreSQL.":
    "备份只复制数据目录，而状态库存放在 PostgreSQL 中。",
  "At most {0} dead letters can be named at a time.": "一次最多指定 {0} 条搁置事项。",
  "Deliveries are forgotten some time after they are done.": "投递记录在完成一段时间后会被清除。",
  'Name the dead letters in "ids", or set "all".': '请在 "ids" 中列出搁置事项，或设置 "all"。',
  "SQL cannot be answered: the warehouse's files cannot be linked": "SQL 无法执行：不能为仓库文件建立链接",
  'Set "all" for all of them.': '要处理全部，请设置 "all"。',
  "The backup {0} failed; nothing is left of it.": "备份 {0} 已失败，未保留任何文件。",
  "The backup {0} is being made.": "备份 {0} 正在进行。",
  "The change clashed with others.": "此修改与其他修改冲突。",
  "There was no answer in time: the server has much to do.": "未能及时答复：服务器繁忙。",
  "There is no backup {0}.": "没有备份 {0}。",
  "There is no reactor {0}.": "没有名为 {0} 的响应器。",
  "Try again.": "请重试。",
  "Wait until it is done.": "请等待其完成。",
  "a log keeps the number of partitions that it was made with": "事件日志的分区数在创建后不可更改",
  "a new column needs a step in warehouse/duckdb/schema.go":
    "新增列需要在 warehouse/duckdb/schema.go 中添加升级步骤",
  "a record of {0} bytes": "一条 {0} 字节的记录",
  "a record of {0} bytes; at most {1} are possible": "一条 {0} 字节的记录，最多 {1} 字节",
  "a restore into {0} has not finished": "恢复到 {0} 的操作尚未完成",
  "a row of the answer takes {0} MB, which is too large": "结果中的一行占 {0} MB，过大",
  "ask again, about a shorter range": "请缩短时间范围后重试",
  "cannot connect to NATS": "无法连接 NATS",
  "cannot connect to PostgreSQL at {0}:{1}, database {2}, as user {3}":
    "无法以用户 {3} 连接 {0}:{1} 上的 PostgreSQL 数据库 {2}",
  "cannot create the log's stream {0} with {1} replicas": "无法创建 {1} 副本的日志流 {0}",
  "cannot list the streams of the log": "无法列出日志流",
  "cannot listen on {0} for metrics: {1}": "无法在 {0} 上监听监控指标端口：{1}",
  "cannot listen on {0} for profiles: {1}": "无法在 {0} 上监听性能分析端口：{1}",
  "cannot listen on {0}: {1}": "无法监听 {0}：{1}",
  "cannot make the folder of the log, {0}": "无法创建日志目录 {0}",
  "cannot make the folder of the store {0}": "无法创建存储目录 {0}",
  "cannot open the store {0}": "无法打开存储 {0}",
  "check that JetStream is enabled on the NATS server and that this user may use it":
    "请确认 NATS 服务器已启用 JetStream，且该用户有权使用",
  "check that the file is a Touchstone store, that this user may write to its folder, and that it is not encrypted with another key":
    "请检查该文件是否为 Touchstone 存储、当前用户是否可写入其所在文件夹，以及它是否以另一密钥加密",
  "a record of the log is damaged, or was encrypted with another key":
    "日志中的一条记录已损坏，或以另一密钥加密",
  "cannot make the data folder {0}": "无法创建数据文件夹 {0}",
  "cannot read how {0} is encrypted": "无法读取 {0} 的加密信息",
  "delete it, or bring it in by making a copy of the folder that it comes from: touchstone encryption copy":
    "请删除它，或复制其来源文件夹来引入：touchstone encryption copy",
  "it has one line that begins with {0}; make one with: touchstone encryption new-key FILE":
    "密钥文件只有一行，以 {0} 开头；可用以下命令生成：touchstone encryption new-key FILE",
  "name a new file: what was encrypted with a key cannot be read without it":
    "请指定新的文件：以某密钥加密的内容离开该密钥便无法读取",
  "name a new folder with --to": "请用 --to 指定新的文件夹",
  "name the file of that key with --encryption-key-file (encryption.key_file)":
    "请用 --encryption-key-file（encryption.key_file）指定该密钥的文件",
  "name the file of the key {0} with --encryption-key-file (encryption.key_file)":
    "请用 --encryption-key-file（encryption.key_file）指定密钥 {0} 的文件",
  "name the key file with --encryption-key-file (encryption.key_file)":
    "请用 --encryption-key-file（encryption.key_file）指定密钥文件",
  "name the one that the data was encrypted with; for a new data folder make one with: touchstone encryption new-key {0}":
    "请指定加密数据时所用的密钥文件；新数据文件夹的密钥可用以下命令生成：touchstone encryption new-key {0}",
  "start without --encryption-key-file, or make an encrypted copy of it with: touchstone encryption copy --data {0} --to NEW --new-key-file FILE":
    "请不带 --encryption-key-file 启动，或生成加密副本：touchstone encryption copy --data {0} --to NEW --new-key-file FILE",
  "take it from a backup of the folder: without it the key opens nothing":
    "请从该文件夹的备份中取回：缺少它，密钥打不开任何内容",
  "the key file {0} cannot be read": "无法读取密钥文件 {0}",
  "the key file {0} does not exist": "密钥文件 {0} 不存在",
  "the log is encrypted, and no key was given": "日志已加密，但未提供密钥",
  "the log is not encrypted, and a key was given": "日志未加密，却提供了密钥",
  "{0} exists": "{0} 已存在",
  "{0} in {1} is damaged": "{1} 中的 {0} 已损坏",
  "{0} is damaged, or was encrypted with another key": "{0} 已损坏，或以另一密钥加密",
  "{0} is encrypted with the key {1}, and this is the key {2}": "{0} 以密钥 {1} 加密，而提供的是密钥 {2}",
  "{0} is encrypted, and no key was given": "{0} 已加密，但未提供密钥",
  "{0} is no key file of Touchstone": "{0} 不是 Touchstone 的密钥文件",
  "{0} is not encrypted, and a key was given": "{0} 未加密，却提供了密钥",
  "{0} is not encrypted, and the data folder is": "{0} 未加密，而数据文件夹已加密",
  "{0} was encrypted by a newer Touchstone": "{0} 由更新版本的 Touchstone 加密",
  "check the JetStream limits of the account and the number of servers":
    "请检查账号的 JetStream 限额与服务器数量",
  "check the address and the credentials, and that the server runs": "请检查地址和凭据，并确认服务器正在运行",
  "check the host and port, and that the server runs and accepts connections from here":
    "请检查主机和端口，并确认服务器正在运行且允许从此处连接",
  "check the limits of the JetStream account and the space on its disks":
    "请检查 JetStream 账号限额与磁盘空间",
  "choose another address with --listen": "请用 --listen 指定其他地址",
  "choose another address with --metrics-listen": "请用 --metrics-listen 指定其他地址",
  "collect.sensors_projects: {0} is not of the form project=source":
    "collect.sensors_projects：{0} 应写成“项目=数据源”",
  "data: name the folder that holds log, store and warehouse": "data：请指定存放日志、存储与仓库的目录",
  "dev needs a loopback address, but listen is {0}": "dev 模式只能监听本机地址，而 listen 为 {0}",
  "docs/operations.md says how to copy them with their own tools, and in which order.":
    "如何用各自的工具备份、按什么顺序，见 docs/operations.md。",
  "empty the folder and run touchstone restore again": "请清空该目录后重新运行 touchstone restore",
  "free some space and try again: what was written of it has been removed":
    "请释放空间后重试：已写入的部分已清除",
  "free some space, delete older backups, or let backup.folder name another disk":
    "请释放空间、删除旧备份，或将 backup.folder 设到其他磁盘",
  "give every process the same warehouse.secret": "请为所有进程配置相同的 warehouse.secret",
  "lanes: processes share the work only with a PostgreSQL store and an external JetStream":
    "lanes：只有使用 PostgreSQL 状态库和外部 JetStream 时，多个进程才能分担处理",
  "lanes: {0} is not between 1 and {1}": "lanes：{0} 不在 1 到 {1} 之间",
  "lease: {0} is not between 1s and 5m": "lease：{0} 不在 1s 到 5m 之间",
  "leave --dev out to serve others, or listen on 127.0.0.1": "如需对外服务请去掉 --dev，或监听 127.0.0.1",
  "let backup.folder name another one": "请将 backup.folder 设为其他目录",
  "listen: {0} is not HOST:PORT": "listen：{0} 不是 HOST:PORT 格式",
  "look at the disk of the data folder; what was acknowledged is safe, and a new start goes on with it":
    "请检查数据目录所在磁盘；已确认的数据是安全的，重新启动后会继续处理",
  "make one with openssl rand -hex 32, and give the same to every process":
    "用 openssl rand -hex 32 生成一个，并为所有进程配置相同的值",
  "more than {0} rows: {1}": "超过 {0} 行：{1}",
  "name a new folder with --data, or move what is there away first: a restore never writes over data":
    "请用 --data 指定新目录，或先移走其中的内容：恢复不会覆盖已有数据",
  "no server of the log answers": "没有日志服务器响应",
  "record {0} of partition {1} cannot be decoded": "分区 {1} 的记录 {0} 无法解码",
  "replay or discard some": "请重放或丢弃一部分",
  "roles: process reads the warehouse to build segments, and this process would have none":
    "roles：process 角色需要读取仓库来构建分群，而此进程没有仓库",
  "roles: {0} is not a role": "roles：{0} 不是角色",
  "run the role sink where that warehouse is; if it is lost, delete the rows of sink_positions to go on without the events between":
    "请在拥有该仓库的地方运行 sink 角色；如果它已丢失，删除 sink_positions 的行即可放弃中间的事件继续运行",
  "see that a process with the role sink runs there; warehouse.url is its address":
    "请确认该处运行着带 sink 角色的进程；warehouse.url 是它的地址",
  "select less of it": "请减少所选内容",
  "send again in a moment": "请稍后重新发送",
  "send again in a moment; the server must be started anew": "请稍后重新发送；服务器需要重新启动",
  "send again in a second": "请一秒后重新发送",
  "send again in a second, or more slowly": "请一秒后重新发送，或放慢速度",
  "send at most {0} MiB and {1} events at once": "一次最多发送 {0} MiB、{1} 个事件",
  "send them again; what was stored twice is dropped": "请重新发送；重复保存的会被去重",
  "set max_payload: 8MB in its configuration": "请在其配置中设置 max_payload: 8MB",
  "set store.url and stream.url, or leave lanes at 1": "请设置 store.url 和 stream.url，或将 lanes 保持为 1",
  "set warehouse.url to the process with the role sink": "请将 warehouse.url 设为带 sink 角色的进程的地址",
  "set warehouse.url to the process with the role sink, and warehouse.secret to the same in both":
    "请将 warehouse.url 设为带 sink 角色的进程的地址，并在两者中配置相同的 warehouse.secret",
  "so many events came in that the question's view of them had to be given up":
    "同时写入的事件过多，本次查询只能中止",
  "starting or stopping": "正在启动或停止",
  "stuck since {0}, after {1} attempts: the console's overview and the log say why":
    "自 {0} 起停滞，已重试 {1} 次：原因见控制台概览和服务器日志",
  "the NATS server takes messages of {0} bytes at most": "NATS 服务器的消息上限为 {0} 字节",
  "the PostgreSQL URL is not valid": "PostgreSQL 地址无效",
  "the SQL has {0} parameters, {1} values were given": "SQL 有 {0} 个参数，但给出了 {1} 个值",
  "the backup {0} cannot be read": "无法读取备份 {0}",
  "the configuration file {0} cannot be read": "无法读取配置文件 {0}",
  "the data folder needs room and a file system that knows hard links; the server's log names the fault":
    "数据目录需要剩余空间，且文件系统要支持硬链接；具体原因见服务器日志",
  "the data folder {0} cannot be made": "无法创建数据目录 {0}",
  "the database does not exist: create it with CREATE DATABASE {0}":
    "数据库不存在：请执行 CREATE DATABASE {0} 创建",
  "the disk of {0} has too little space for a backup: it takes about {1}, {2} are free, and {3} are to stay free":
    "{0} 所在磁盘空间不足，无法备份：约需 {1}，剩余 {2}，其中须保留 {3}",
  "the disk of {0} has too little space for a backup: {1} free, {2} of it to stay free":
    "{0} 所在磁盘空间不足，无法备份：剩余 {1}，其中须保留 {2}",
  "the disk of {0} is full": "{0} 所在磁盘已满",
  "the embedded log in {0} does not start": "{0} 中的内置日志无法启动",
  "the embedded log would not sync its records to disk": "内置日志无法将记录同步到磁盘",
  "the events could not be stored in the log": "事件未能写入日志",
  "the folder of backups, {0}, cannot be written to": "备份目录 {0} 无法写入",
  "the lines before this one in the program's own log say why": "原因见程序自身日志中此行之前的内容",
  "the log can no longer be written": "日志已无法写入",
  "the log cannot keep up: too many events wait to be stored": "日志写入跟不上：等待保存的事件过多",
  "the log did not answer in time": "日志响应超时",
  "the log has {0} partitions, not {1}": "日志有 {0} 个分区，而不是 {1} 个",
  "the log is damaged there; restore it from a backup, or move the pipeline past it by hand":
    "日志在此处损坏；请从备份恢复，或手动让处理越过此处",
  "the log is kept by another server: its own tools copy it": "事件日志由其他服务器保存，请用其自带工具备份",
  "the log refused the record": "日志拒绝了该记录",
  "the log was lost or is another one; restore log, store and warehouse from the same backup":
    "日志丢失或不匹配；请从同一备份恢复日志、存储与仓库",
  "the process that holds the warehouse at {0} does not know this process's secret":
    "位于 {0} 的仓库进程不认识此进程的密钥",
  "the process that holds the warehouse does not answer at {0}": "持有仓库的进程在 {0} 没有应答",
  "the question cannot be read": "无法读取该问题",
  "the reactor {0} has {1} dead letters, and may have {2}: it stands still":
    "响应器 {0} 已有 {1} 条死信，上限为 {2}，现已停止",
  "the roles are {0}": "可用角色：{0}",
  "the secret is missing or wrong": "密钥缺失或错误",
  "the server has no free connection: raise its max_connections, or lower the pool size here":
    "服务器没有空闲连接：请调高其 max_connections，或调低此处的连接池",
  "the server is starting or stopping: try again in a moment": "服务器正在启动或停止，请稍后重试",
  "the server is stopping": "服务器正在停止",
  "the store has taken in records up to {0} of partition {1}, but the log ends at {2}":
    "存储已处理到分区 {1} 的记录 {0}，但日志止于 {2}",
  "the store is a database server: its own tools copy it": "状态库是数据库服务器，请用其自带工具备份",
  "the store is older than the warehouse; restore both from the same backup":
    "存储比仓库旧；请从同一备份恢复两者",
  "the user or the password is wrong, or pg_hba.conf does not let this host in":
    "用户名或密码不正确，或 pg_hba.conf 不允许此主机连接",
  "the warehouse cannot be opened": "无法打开仓库",
  "the warehouse cannot be written": "仓库无法写入",
  "the warehouse holds events up to record {0} of partition {1}, but the store only knows {2}":
    "仓库含有分区 {1} 到记录 {0} 的事件，但存储只到 {2}",
  "the warehouse is closed": "仓库已关闭",
  "the warehouse was written by a newer Touchstone, whose engine has another form of files":
    "数据仓库由更新版本的 Touchstone 写入，其引擎的文件格式不同",
  "the warehouse's events have columns that this program does not know: {0}":
    "数据仓库的事件表含有本程序不认识的列：{0}",
  "the warehouse's events have no column {0}": "数据仓库的事件表缺少列 {0}",
  "there is no partition {0}": "没有分区 {0}",
  "these are not the frames of {0} events": "这些不是 {0} 个事件的帧",
  "this process does not hold the warehouse": "此进程不持有仓库",
  "this process does not reach the warehouse": "此进程无法访问仓库",
  "this process's warehouse holds events up to record {0} of partition {1}, another one up to {2}, and the log begins at {3}":
    "此进程的仓库在分区 {1} 中只有到记录 {0} 的事件，另一个仓库到 {2}，而日志从 {3} 开始",
  "use another backup": "请改用其他备份",
  "warehouse.secret: has {0} characters and needs {1} or more":
    "warehouse.secret：有 {0} 个字符，至少需要 {1} 个",
  "warehouse.url: {0} is not an address like http://10.0.0.7:8484":
    "warehouse.url：{0} 不是形如 http://10.0.0.7:8484 的地址",
  "write it like postgres://user:password@host:5432/database?sslmode=require":
    "格式如 postgres://user:password@host:5432/database?sslmode=require",
  "{0} cannot be used as a data folder": "{0} 不能用作数据目录",
  "{0} events of {1} bytes are too much for one record": "{0} 个事件共 {1} 字节，超过一条记录的上限",
  "{0} is no backup: it does not begin with a {1}": "{0} 不是备份：开头没有 {1}",
  "{0} is no backup: it has no {1}": "{0} 不是备份：其中没有 {1}",
  "{0} is no question about a warehouse": "{0} 不是关于仓库的问题",
  "The job's file was deleted: it may have held a person who was erased since.":
    "任务的文件已删除：其中可能包含此后被删除的用户。",
  "Start the job again for a file without the person.": "重新运行任务即可得到不含该用户的文件。",
  "{0} is not a mark": "{0} 不是标记",
  "{0} is not a state of a delivery: it is waiting, delivered or dead.":
    "{0} 不是投递状态：可选 waiting、delivered 或 dead。",
  "{0} is not empty": "{0} 不是空目录",
  "{0} is not valid YAML: {1}": "{0} 不是有效的 YAML：{1}",
  "{0} questions about the warehouse are being answered": "正在回答 {0} 个关于仓库的问题",
  "{0}: there is no setting {1}": "{0}：没有设置项 {1}",
  "{0}: {1} is not a network like 10.0.0.0/8": "{0}：{1} 不是形如 10.0.0.0/8 的网段",
  "It was not delivered in time: its destination was paused or out of reach.":
    "未能及时投递：投递已暂停，或目标无法连接。",
  "Too many effects wait for this destination; the oldest were given up.":
    "此目标等待的投递过多，最早的已放弃。",
  "its interest is not known": "无法确定它关注的内容",
  "a copy into {0} has not finished": "向 {0} 的复制尚未完成",
  "leave --encryption-key-file out; an encrypted copy of a folder is made with: touchstone encryption copy":
    "请去掉 --encryption-key-file；如需加密副本，请运行：touchstone encryption copy",
  "run touchstone encryption copy again: it begins anew":
    "请重新运行 touchstone encryption copy，它会从头开始",
};
