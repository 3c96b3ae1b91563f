import type { Sentence } from './error-row.ts'

/** Sentences for cases in which the sentence of the error's code would say too little. */
export const SENTENCES = {
  paused: {
    en: 'The operator of this server has paused this model. Please try again {wait|later}.',
    zh: '服务器管理员已暂停此模型，请{wait|稍后}再试。',
    vi: 'Người vận hành máy chủ đã tạm dừng mô hình này. Vui lòng thử lại {wait|sau}.',
    ja: 'サーバーの管理者がこのモデルを一時停止しています。{wait|しばらくしてから}もう一度お試しください。',
    ko: '서버 운영자가 이 모델을 일시 중지했습니다. {wait|잠시} 후 다시 시도해 주세요.',
    ru: 'Оператор сервера приостановил эту модель. Повторите попытку {wait|позже}.',
    ar: 'أوقف مشغّل الخادم هذا النموذج مؤقتًا. يُرجى المحاولة مرة أخرى {wait|لاحقًا}.',
  },
  timeout_whole: {
    en: 'Request timed out. The whole answer was asked for at once, so its first byte would have been its last. Please ask for a stream, or have the time limit of this server raised.',
    zh: '请求超时。该请求要求一次性返回完整回答，因此在回答完成之前不会发送任何内容。请改用流式输出，或请管理员提高此服务器的时间限制。',
    vi: 'Yêu cầu đã hết thời gian chờ. Yêu cầu này đòi toàn bộ câu trả lời một lần, nên không có gì được gửi trước khi câu trả lời hoàn tất. Vui lòng dùng chế độ truyền dần (stream), hoặc nhờ người vận hành tăng giới hạn thời gian của máy chủ.',
    ja: 'リクエストがタイムアウトしました。回答全体を一度に返すよう求められたため、完了するまで何も送信されませんでした。ストリーミングを使用するか、このサーバーの制限時間を延ばすよう管理者に依頼してください。',
    ko: '요청 시간이 초과되었습니다. 전체 답변을 한 번에 요청했기 때문에 답변이 완성될 때까지 아무것도 전송되지 않았습니다. 스트리밍을 사용하거나 운영자에게 이 서버의 시간 제한을 늘려 달라고 요청해 주세요.',
    ru: 'Время ожидания запроса истекло. Ответ был запрошен целиком, поэтому до его завершения ничего не передавалось. Запросите потоковую передачу или попросите оператора увеличить лимит времени на сервере.',
    ar: 'انتهت مهلة الطلب. طُلبت الإجابة كاملة دفعة واحدة، لذلك لم يُرسَل أي شيء قبل اكتمالها. يُرجى طلب البث التدريجي (stream) أو الطلب من المشغّل رفع الحد الزمني لهذا الخادم.',
  },
  stream_broken: {
    en: 'Ollama broke off in the middle of its answer. Please try again.',
    zh: 'Ollama 在回答过程中意外中断，请重试。',
    vi: 'Ollama bị ngắt giữa chừng khi đang trả lời. Vui lòng thử lại.',
    ja: 'Ollama の応答が途中で途切れました。もう一度お試しください。',
    ko: 'Ollama의 응답이 도중에 끊어졌습니다. 다시 시도해 주세요.',
    ru: 'Ollama прервала ответ на середине. Повторите попытку.',
    ar: 'انقطعت استجابة Ollama قبل اكتمالها. يُرجى المحاولة مرة أخرى.',
  },
  stream_idle: {
    en: 'Ollama stopped in the middle of its answer for too long. Please try again.',
    zh: 'Ollama 在回答过程中停顿过久，请重试。',
    vi: 'Ollama ngừng quá lâu khi đang trả lời. Vui lòng thử lại.',
    ja: 'Ollama の応答が途中で長時間止まりました。もう一度お試しください。',
    ko: 'Ollama의 응답이 도중에 너무 오래 멈췄습니다. 다시 시도해 주세요.',
    ru: 'Ollama слишком надолго замолчала посреди ответа. Повторите попытку.',
    ar: 'توقفت استجابة Ollama لفترة طويلة قبل اكتمالها. يُرجى المحاولة مرة أخرى.',
  },
  stream_cancelled: {
    en: 'An operator of this server ended the request in the middle of its answer.',
    zh: '服务器管理员在回答过程中终止了该请求。',
    vi: 'Người vận hành máy chủ đã kết thúc yêu cầu này khi đang trả lời.',
    ja: 'サーバーの管理者が回答の途中でこのリクエストを終了しました。',
    ko: '서버 운영자가 응답 도중에 이 요청을 종료했습니다.',
    ru: 'Оператор сервера прервал этот запрос во время ответа.',
    ar: 'أنهى مشغّل الخادم هذا الطلب أثناء الإجابة.',
  },
  foreign_host: {
    en: 'This server answers only to the names of its own machine. Please call it as localhost or 127.0.0.1, or ask its operator to read the log.',
    zh: '此服务器只接受以本机名称发来的请求。请使用 localhost 或 127.0.0.1 访问，或请管理员查看日志。',
    vi: 'Máy chủ này chỉ trả lời các yêu cầu gửi tới tên của chính máy này. Vui lòng dùng địa chỉ localhost hoặc 127.0.0.1, hoặc nhờ người vận hành xem nhật ký.',
    ja: 'このサーバーは、このマシン自身の名前あてのリクエストにのみ応答します。localhost または 127.0.0.1 でアクセスするか、管理者にログの確認を依頼してください。',
    ko: '이 서버는 이 컴퓨터 자신의 이름으로 온 요청에만 응답합니다. localhost 또는 127.0.0.1 주소를 사용하거나 운영자에게 로그 확인을 요청해 주세요.',
    ru: 'Этот сервер отвечает только на имена своей машины. Обращайтесь к нему по адресу localhost или 127.0.0.1 либо попросите оператора посмотреть журнал.',
    ar: 'لا يستجيب هذا الخادم إلا لأسماء الجهاز الذي يعمل عليه. يُرجى استخدام localhost أو 127.0.0.1 في العنوان، أو الطلب من المشغّل مراجعة السجل.',
  },
} as const satisfies Record<string, Sentence>
