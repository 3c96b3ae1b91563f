import type { Words } from './words.ts'

export const vi: Words = {
  seconds: { other: 'sau {n} giây' },
  messages: {
    queue_full: 'Máy chủ đang bận xử lý các yêu cầu khác. Vui lòng thử lại {wait|sau}.',
    paused: 'Người vận hành máy chủ đã tạm dừng mô hình này. Vui lòng thử lại {wait|sau}.',
    timeout: 'Yêu cầu đã hết thời gian chờ. Vui lòng thử lại với câu lệnh ngắn hơn hoặc thử lại {wait|sau}.',
    timeout_whole:
      'Yêu cầu đã hết thời gian chờ. Yêu cầu này đòi toàn bộ câu trả lời một lần, nên không có gì được gửi trước khi câu trả lời hoàn tất. Vui lòng dùng chế độ truyền dần (stream), hoặc nhờ người vận hành tăng giới hạn thời gian của máy chủ.',
    upstream_error: 'Không thể kết nối tới Ollama hoặc Ollama phản hồi không đúng. Vui lòng thử lại sau.',
    body_too_large: 'Nội dung yêu cầu vượt quá kích thước mà máy chủ cho phép.',
    body_stalled: 'Nội dung yêu cầu đã ngừng được gửi đến. Vui lòng gửi lại yêu cầu.',
    invalid_form:
      'Không thể đọc biểu mẫu này. Vui lòng gửi nội dung multipart/form-data đơn giản với trường model ở gần đầu.',
    invalid_target: 'Đích của yêu cầu không hợp lệ.',
    too_many_attempts: 'Có quá nhiều lần thử thất bại từ địa chỉ này. Vui lòng đợi trước khi thử lại.',
    shutting_down: 'Máy chủ đang tắt. Vui lòng thử lại {wait|sau giây lát}.',
    stream_broken: 'Ollama bị ngắt giữa chừng khi đang trả lời. Vui lòng thử lại.',
    stream_idle: 'Ollama ngừng quá lâu khi đang trả lời. Vui lòng thử lại.',
    cancelled: 'Người vận hành máy chủ đã kết thúc yêu cầu này.',
    stream_cancelled: 'Người vận hành máy chủ đã kết thúc yêu cầu này khi đang trả lời.',
    request_not_found: 'Không có yêu cầu nào với mã này đang chờ hoặc đang chạy.',
    too_many_listeners: 'Đã có quá nhiều kết nối theo dõi hàng đợi.',
    internal_error: 'Máy chủ gặp lỗi nội bộ.',
    unauthorized: 'Thiếu mã thông báo quản trị.',
    forbidden: 'Bạn không có quyền thực hiện thao tác này.',
    foreign_host:
      'Máy chủ này chỉ trả lời các yêu cầu gửi tới tên của chính máy này. Vui lòng dùng địa chỉ localhost hoặc 127.0.0.1, hoặc nhờ người vận hành xem nhật ký.',
    model_not_found: 'Chưa có yêu cầu nào cho mô hình này.',
    stats_disabled: 'Thống kê hàng đợi đã bị tắt trên máy chủ này.',
    invalid_request: 'Yêu cầu không hợp lệ.',
    invalid_config: 'Cấu hình không hợp lệ. Chưa có gì được thay đổi.',
    not_found: 'Không có gì tại địa chỉ này.',
    method_not_allowed: 'Địa chỉ này không hỗ trợ phương thức của yêu cầu.',
  },
}
