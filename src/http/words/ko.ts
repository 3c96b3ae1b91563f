import type { Words } from './words.ts'

export const ko: Words = {
  seconds: { other: '{n}초' },
  messages: {
    queue_full: '서버가 현재 다른 요청을 처리하느라 바쁩니다. {wait|잠시} 후 다시 시도해 주세요.',
    paused: '서버 운영자가 이 모델을 일시 중지했습니다. {wait|잠시} 후 다시 시도해 주세요.',
    timeout: '요청 시간이 초과되었습니다. 프롬프트를 줄이거나 {wait|잠시} 후 다시 시도해 주세요.',
    timeout_whole:
      '요청 시간이 초과되었습니다. 전체 답변을 한 번에 요청했기 때문에 답변이 완성될 때까지 아무것도 전송되지 않았습니다. 스트리밍을 사용하거나 운영자에게 이 서버의 시간 제한을 늘려 달라고 요청해 주세요.',
    upstream_error: 'Ollama에 연결할 수 없거나 올바른 응답을 받지 못했습니다. 잠시 후 다시 시도해 주세요.',
    body_too_large: '요청 본문이 서버가 허용하는 크기를 초과했습니다.',
    body_stalled: '요청 본문의 전송이 멈췄습니다. 요청을 다시 보내 주세요.',
    invalid_form:
      '이 양식을 읽을 수 없습니다. model 필드가 앞쪽에 있는 일반 multipart/form-data 본문을 보내 주세요.',
    invalid_target: '요청 대상이 올바르지 않습니다.',
    too_many_attempts: '이 주소에서 실패한 시도가 너무 많습니다. 잠시 기다린 후 다시 시도해 주세요.',
    shutting_down: '서버가 종료되는 중입니다. {wait|잠시} 후 다시 시도해 주세요.',
    stream_broken: 'Ollama의 응답이 도중에 끊어졌습니다. 다시 시도해 주세요.',
    stream_idle: 'Ollama의 응답이 도중에 너무 오래 멈췄습니다. 다시 시도해 주세요.',
    cancelled: '서버 운영자가 이 요청을 종료했습니다.',
    stream_cancelled: '서버 운영자가 응답 도중에 이 요청을 종료했습니다.',
    request_not_found: '이 ID로 대기 중이거나 실행 중인 요청이 없습니다.',
    too_many_listeners: '대기열을 지켜보는 연결이 너무 많습니다.',
    internal_error: '서버 내부 오류가 발생했습니다.',
    unauthorized: '관리자 토큰이 없습니다.',
    forbidden: '이 작업을 수행할 권한이 없습니다.',
    foreign_host:
      '이 서버는 이 컴퓨터 자신의 이름으로 온 요청에만 응답합니다. localhost 또는 127.0.0.1 주소를 사용하거나 운영자에게 로그 확인을 요청해 주세요.',
    model_not_found: '이 모델에 대한 요청이 아직 없습니다.',
    stats_disabled: '이 서버에서는 대기열 통계가 꺼져 있습니다.',
    invalid_request: '요청이 올바르지 않습니다.',
    invalid_config: '설정이 올바르지 않습니다. 아무것도 변경되지 않았습니다.',
    not_found: '이 주소에는 아무것도 없습니다.',
    method_not_allowed: '이 주소는 해당 요청 메서드를 지원하지 않습니다.',
  },
}
