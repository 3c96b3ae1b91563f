import type { Words } from './words.ts'

export const zh: Words = {
  seconds: { other: '在 {n} 秒后' },
  messages: {
    queue_full: '服务器正忙于处理其他请求，请{wait|稍后}再试。',
    paused: '服务器管理员已暂停此模型，请{wait|稍后}再试。',
    timeout: '请求超时。请缩短提示词，或{wait|稍后}再试。',
    timeout_whole:
      '请求超时。该请求要求一次性返回完整回答，因此在回答完成之前不会发送任何内容。请改用流式输出，或请管理员提高此服务器的时间限制。',
    upstream_error: '无法连接 Ollama，或其响应异常，请稍后再试。',
    body_too_large: '请求体超过了服务器允许的大小。',
    body_stalled: '请求体传输中断，请重新发送请求。',
    invalid_form: '无法读取此表单。请发送普通的 multipart/form-data 请求体，并将 model 放在靠前的位置。',
    invalid_target: '请求目标无效。',
    too_many_attempts: '此地址的失败尝试次数过多，请稍候再试。',
    shutting_down: '服务器正在关闭，请{wait|稍候}重试。',
    stream_broken: 'Ollama 在回答过程中意外中断，请重试。',
    stream_idle: 'Ollama 在回答过程中停顿过久，请重试。',
    cancelled: '服务器管理员已终止该请求。',
    stream_cancelled: '服务器管理员在回答过程中终止了该请求。',
    request_not_found: '没有正在等待或运行的该编号请求。',
    too_many_listeners: '正在跟踪队列的客户端过多。',
    internal_error: '服务器内部出错。',
    unauthorized: '缺少管理令牌。',
    forbidden: '您无权执行此操作。',
    foreign_host:
      '此服务器只接受以本机名称发来的请求。请使用 localhost 或 127.0.0.1 访问，或请管理员查看日志。',
    model_not_found: '尚未收到过针对该模型的请求。',
    stats_disabled: '此服务器已关闭队列统计功能。',
    invalid_request: '请求无效。',
    invalid_config: '配置无效，未作任何更改。',
    not_found: '此地址没有任何内容。',
    method_not_allowed: '此地址不支持该请求方法。',
  },
}
