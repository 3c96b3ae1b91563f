export type MessageKey =
  | 'queue_full'
  | 'timeout'
  | 'upstream_error'
  | 'body_too_large'
  | 'body_stalled'
  | 'invalid_form'
  | 'invalid_target'
  | 'too_many_attempts'
  | 'shutting_down'
  | 'stream_broken'
  | 'stream_idle'
  | 'cancelled'
  | 'stream_cancelled'
  | 'request_not_found'
  | 'too_many_listeners'
  | 'internal_error'
  | 'unauthorized'
  | 'forbidden'
  | 'model_not_found'
  | 'stats_disabled'
  | 'invalid_request'
  | 'invalid_config'
  | 'not_found'
  | 'method_not_allowed'

/** What people read; the codes beside it are for programs and never translated. */
export const MESSAGES = {
  en: {
    queue_full: 'Server is currently busy processing other requests. Please try again later.',
    timeout: 'Request timed out. Please try again with a shorter prompt or later.',
    upstream_error: 'Ollama cannot be reached or did not answer properly. Please try again later.',
    body_too_large: 'The request body is larger than this server accepts.',
    body_stalled: 'The request body stopped coming. Please send the request again.',
    invalid_form:
      'This form cannot be read. Please send a plain multipart/form-data body with the model near its beginning.',
    invalid_target: 'This request target is not valid.',
    too_many_attempts: 'Too many failed attempts from this address. Please wait before the next one.',
    shutting_down: 'Server is shutting down. Please try again in a moment.',
    stream_broken: 'Ollama broke off in the middle of its answer. Please try again.',
    stream_idle: 'Ollama stopped in the middle of its answer for too long. Please try again.',
    cancelled: 'An operator of this server ended the request.',
    stream_cancelled: 'An operator of this server ended the request in the middle of its answer.',
    request_not_found: 'No request with this id is waiting or running.',
    too_many_listeners: 'Too many listeners follow the queue already.',
    internal_error: 'Something went wrong on this server.',
    unauthorized: 'The admin token is missing.',
    forbidden: 'You are not allowed to do this.',
    model_not_found: 'No requests for this model have been seen.',
    stats_disabled: 'Queue statistics are switched off on this server.',
    invalid_request: 'The request is not valid.',
    invalid_config: 'The configuration is not valid. Nothing was changed.',
    not_found: 'There is nothing at this address.',
    method_not_allowed: 'This address does not support the request method.',
  },
  zh: {
    queue_full: '服务器正忙于处理其他请求，请稍后再试。',
    timeout: '请求超时。请缩短提示词，或稍后再试。',
    upstream_error: '无法连接 Ollama，或其响应异常，请稍后再试。',
    body_too_large: '请求体超过了服务器允许的大小。',
    body_stalled: '请求体传输中断，请重新发送请求。',
    invalid_form: '无法读取此表单。请发送普通的 multipart/form-data 请求体，并将 model 放在靠前的位置。',
    invalid_target: '请求目标无效。',
    too_many_attempts: '此地址的失败尝试次数过多，请稍候再试。',
    shutting_down: '服务器正在关闭，请稍候重试。',
    stream_broken: 'Ollama 在回答过程中意外中断，请重试。',
    stream_idle: 'Ollama 在回答过程中停顿过久，请重试。',
    cancelled: '服务器管理员已终止该请求。',
    stream_cancelled: '服务器管理员在回答过程中终止了该请求。',
    request_not_found: '没有正在等待或运行的该编号请求。',
    too_many_listeners: '正在跟踪队列的客户端过多。',
    internal_error: '服务器内部出错。',
    unauthorized: '缺少管理令牌。',
    forbidden: '您无权执行此操作。',
    model_not_found: '尚未收到过针对该模型的请求。',
    stats_disabled: '此服务器已关闭队列统计功能。',
    invalid_request: '请求无效。',
    invalid_config: '配置无效，未作任何更改。',
    not_found: '此地址没有任何内容。',
    method_not_allowed: '此地址不支持该请求方法。',
  },
  vi: {
    queue_full: 'Máy chủ đang bận xử lý các yêu cầu khác. Vui lòng thử lại sau.',
    timeout: 'Yêu cầu đã hết thời gian chờ. Vui lòng thử lại với câu lệnh ngắn hơn hoặc thử lại sau.',
    upstream_error: 'Không thể kết nối tới Ollama hoặc Ollama phản hồi không đúng. Vui lòng thử lại sau.',
    body_too_large: 'Nội dung yêu cầu vượt quá kích thước mà máy chủ cho phép.',
    body_stalled: 'Nội dung yêu cầu đã ngừng được gửi đến. Vui lòng gửi lại yêu cầu.',
    invalid_form:
      'Không thể đọc biểu mẫu này. Vui lòng gửi nội dung multipart/form-data đơn giản với trường model ở gần đầu.',
    invalid_target: 'Đích của yêu cầu không hợp lệ.',
    too_many_attempts: 'Có quá nhiều lần thử thất bại từ địa chỉ này. Vui lòng đợi trước khi thử lại.',
    shutting_down: 'Máy chủ đang tắt. Vui lòng thử lại sau giây lát.',
    stream_broken: 'Ollama bị ngắt giữa chừng khi đang trả lời. Vui lòng thử lại.',
    stream_idle: 'Ollama ngừng quá lâu khi đang trả lời. Vui lòng thử lại.',
    cancelled: 'Người vận hành máy chủ đã kết thúc yêu cầu này.',
    stream_cancelled: 'Người vận hành máy chủ đã kết thúc yêu cầu này khi đang trả lời.',
    request_not_found: 'Không có yêu cầu nào với mã này đang chờ hoặc đang chạy.',
    too_many_listeners: 'Đã có quá nhiều kết nối theo dõi hàng đợi.',
    internal_error: 'Máy chủ gặp lỗi nội bộ.',
    unauthorized: 'Thiếu mã thông báo quản trị.',
    forbidden: 'Bạn không có quyền thực hiện thao tác này.',
    model_not_found: 'Chưa có yêu cầu nào cho mô hình này.',
    stats_disabled: 'Thống kê hàng đợi đã bị tắt trên máy chủ này.',
    invalid_request: 'Yêu cầu không hợp lệ.',
    invalid_config: 'Cấu hình không hợp lệ. Chưa có gì được thay đổi.',
    not_found: 'Không có gì tại địa chỉ này.',
    method_not_allowed: 'Địa chỉ này không hỗ trợ phương thức của yêu cầu.',
  },
  ja: {
    queue_full:
      'サーバーは現在、他のリクエストの処理で混み合っています。しばらくしてからもう一度お試しください。',
    timeout:
      'リクエストがタイムアウトしました。プロンプトを短くするか、しばらくしてからもう一度お試しください。',
    upstream_error:
      'Ollama に接続できないか、正しい応答がありませんでした。しばらくしてからもう一度お試しください。',
    body_too_large: 'リクエスト本文が、このサーバーの上限サイズを超えています。',
    body_stalled: 'リクエスト本文の送信が途中で止まりました。もう一度リクエストを送信してください。',
    invalid_form:
      'このフォームは読み取れません。model を先頭近くに置いた通常の multipart/form-data を送信してください。',
    invalid_target: 'リクエストの宛先が正しくありません。',
    too_many_attempts: 'このアドレスからの失敗が多すぎます。しばらく待ってからもう一度お試しください。',
    shutting_down: 'サーバーを停止しています。少し待ってからもう一度お試しください。',
    stream_broken: 'Ollama の応答が途中で途切れました。もう一度お試しください。',
    stream_idle: 'Ollama の応答が途中で長時間止まりました。もう一度お試しください。',
    cancelled: 'サーバーの管理者がこのリクエストを終了しました。',
    stream_cancelled: 'サーバーの管理者が回答の途中でこのリクエストを終了しました。',
    request_not_found: 'この ID のリクエストは待機中でも実行中でもありません。',
    too_many_listeners: 'キューを監視している接続が多すぎます。',
    internal_error: 'サーバーで内部エラーが発生しました。',
    unauthorized: '管理トークンがありません。',
    forbidden: 'この操作は許可されていません。',
    model_not_found: 'このモデルへのリクエストはまだありません。',
    stats_disabled: 'このサーバーではキューの統計が無効になっています。',
    invalid_request: 'リクエストが正しくありません。',
    invalid_config: '設定に誤りがあります。何も変更されていません。',
    not_found: 'このアドレスには何もありません。',
    method_not_allowed: 'このアドレスでは、そのリクエストメソッドを使用できません。',
  },
  ko: {
    queue_full: '서버가 현재 다른 요청을 처리하느라 바쁩니다. 잠시 후 다시 시도해 주세요.',
    timeout: '요청 시간이 초과되었습니다. 프롬프트를 줄이거나 잠시 후 다시 시도해 주세요.',
    upstream_error: 'Ollama에 연결할 수 없거나 올바른 응답을 받지 못했습니다. 잠시 후 다시 시도해 주세요.',
    body_too_large: '요청 본문이 서버가 허용하는 크기를 초과했습니다.',
    body_stalled: '요청 본문의 전송이 멈췄습니다. 요청을 다시 보내 주세요.',
    invalid_form:
      '이 양식을 읽을 수 없습니다. model 필드가 앞쪽에 있는 일반 multipart/form-data 본문을 보내 주세요.',
    invalid_target: '요청 대상이 올바르지 않습니다.',
    too_many_attempts: '이 주소에서 실패한 시도가 너무 많습니다. 잠시 기다린 후 다시 시도해 주세요.',
    shutting_down: '서버가 종료되는 중입니다. 잠시 후 다시 시도해 주세요.',
    stream_broken: 'Ollama의 응답이 도중에 끊어졌습니다. 다시 시도해 주세요.',
    stream_idle: 'Ollama의 응답이 도중에 너무 오래 멈췄습니다. 다시 시도해 주세요.',
    cancelled: '서버 운영자가 이 요청을 종료했습니다.',
    stream_cancelled: '서버 운영자가 응답 도중에 이 요청을 종료했습니다.',
    request_not_found: '이 ID로 대기 중이거나 실행 중인 요청이 없습니다.',
    too_many_listeners: '대기열을 지켜보는 연결이 너무 많습니다.',
    internal_error: '서버 내부 오류가 발생했습니다.',
    unauthorized: '관리자 토큰이 없습니다.',
    forbidden: '이 작업을 수행할 권한이 없습니다.',
    model_not_found: '이 모델에 대한 요청이 아직 없습니다.',
    stats_disabled: '이 서버에서는 대기열 통계가 꺼져 있습니다.',
    invalid_request: '요청이 올바르지 않습니다.',
    invalid_config: '설정이 올바르지 않습니다. 아무것도 변경되지 않았습니다.',
    not_found: '이 주소에는 아무것도 없습니다.',
    method_not_allowed: '이 주소는 해당 요청 메서드를 지원하지 않습니다.',
  },
  ru: {
    queue_full: 'Сервер сейчас занят обработкой других запросов. Повторите попытку позже.',
    timeout: 'Время ожидания запроса истекло. Сократите промпт или повторите попытку позже.',
    upstream_error: 'Ollama недоступна или ответила некорректно. Повторите попытку позже.',
    body_too_large: 'Тело запроса больше, чем принимает этот сервер.',
    body_stalled: 'Передача тела запроса остановилась. Отправьте запрос ещё раз.',
    invalid_form:
      'Не удалось прочитать форму. Отправьте обычное тело multipart/form-data с полем model в начале.',
    invalid_target: 'Недопустимый адрес в запросе.',
    too_many_attempts: 'Слишком много неудачных попыток с этого адреса. Подождите перед следующей.',
    shutting_down: 'Сервер завершает работу. Повторите попытку через некоторое время.',
    stream_broken: 'Ollama прервала ответ на середине. Повторите попытку.',
    stream_idle: 'Ollama слишком надолго замолчала посреди ответа. Повторите попытку.',
    cancelled: 'Оператор сервера прервал этот запрос.',
    stream_cancelled: 'Оператор сервера прервал этот запрос во время ответа.',
    request_not_found: 'Запроса с таким идентификатором нет ни в очереди, ни в работе.',
    too_many_listeners: 'За очередью уже следит слишком много подключений.',
    internal_error: 'На сервере произошла внутренняя ошибка.',
    unauthorized: 'Не указан токен администратора.',
    forbidden: 'У вас нет прав на это действие.',
    model_not_found: 'Запросов к этой модели ещё не было.',
    stats_disabled: 'Статистика очереди на этом сервере отключена.',
    invalid_request: 'Некорректный запрос.',
    invalid_config: 'Ошибка в конфигурации. Ничего не изменено.',
    not_found: 'По этому адресу ничего нет.',
    method_not_allowed: 'Этот адрес не поддерживает такой метод запроса.',
  },
  ar: {
    queue_full: 'الخادم مشغول حاليًا بمعالجة طلبات أخرى. يُرجى المحاولة مرة أخرى لاحقًا.',
    timeout: 'انتهت مهلة الطلب. يُرجى المحاولة مرة أخرى بنص أقصر أو في وقت لاحق.',
    upstream_error: 'تعذّر الاتصال بـ Ollama أو لم تكن استجابته سليمة. يُرجى المحاولة مرة أخرى لاحقًا.',
    body_too_large: 'حجم محتوى الطلب أكبر مما يقبله هذا الخادم.',
    body_stalled: 'توقف وصول محتوى الطلب. يُرجى إرسال الطلب مرة أخرى.',
    invalid_form:
      'تتعذّر قراءة هذا النموذج. يُرجى إرسال محتوى multipart/form-data عادي مع وضع الحقل model قرب بدايته.',
    invalid_target: 'وجهة الطلب غير صالحة.',
    too_many_attempts: 'محاولات فاشلة كثيرة جدًا من هذا العنوان. يُرجى الانتظار قبل المحاولة التالية.',
    shutting_down: 'يجري إيقاف تشغيل الخادم. يُرجى المحاولة مرة أخرى بعد قليل.',
    stream_broken: 'انقطعت استجابة Ollama قبل اكتمالها. يُرجى المحاولة مرة أخرى.',
    stream_idle: 'توقفت استجابة Ollama لفترة طويلة قبل اكتمالها. يُرجى المحاولة مرة أخرى.',
    cancelled: 'أنهى مشغّل الخادم هذا الطلب.',
    stream_cancelled: 'أنهى مشغّل الخادم هذا الطلب أثناء الإجابة.',
    request_not_found: 'لا يوجد طلب بهذا المعرّف قيد الانتظار أو التنفيذ.',
    too_many_listeners: 'عدد كبير جدًا من الاتصالات يتابع قائمة الانتظار.',
    internal_error: 'حدث خطأ داخلي في الخادم.',
    unauthorized: 'رمز المسؤول المميز مفقود.',
    forbidden: 'لا يُسمح لك بتنفيذ هذا الإجراء.',
    model_not_found: 'لم تصل أي طلبات لهذا النموذج بعد.',
    stats_disabled: 'إحصاءات قائمة الانتظار معطّلة على هذا الخادم.',
    invalid_request: 'الطلب غير صالح.',
    invalid_config: 'الإعدادات غير صالحة. لم يتغيّر شيء.',
    not_found: 'لا يوجد شيء في هذا العنوان.',
    method_not_allowed: 'لا يدعم هذا العنوان طريقة الطلب المستخدمة.',
  },
} as const satisfies Record<string, Record<MessageKey, string>>

export type Language = keyof typeof MESSAGES
